// The animation: lanes that share a clock, and the buttons that move it.

const story = {
  lanes: [],
  step: 0,
  timer: null
};
const kReadTime = 420, kWriteTime = 1150;  // milliseconds a step lasts when playing

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function steps() { return Math.max(...story.lanes.map(lane => lane.steps)); }

function buildStory() {
  pause();
  const data = example().lanes, section = document.getElementById("story");
  section.hidden = document.getElementById("story-keys").hidden = data.length === 0;
  const writes = Math.max(0, ...data.map(lane => lane.written.length));
  story.lanes = data.map(lane => new Lane(lane, writes));
  document.getElementById("lanes").replaceChildren(...story.lanes.map(lane => lane.box));
  if (data.length === 0) return;
  document.getElementById("step").max = steps();
  document.getElementById("lines-about").textContent = data.map(lane => lane.lines).filter(text => text).join(" ");
  layoutStory();
  show(steps(), false);
}

function layoutStory() {
  for (const lane of story.lanes)
    lane.layout(lane.box.clientWidth - 2 * parseFloat(getComputedStyle(lane.box).paddingLeft));
}

function show(step, moving = true) {
  story.step = Math.max(0, Math.min(steps(), step));
  for (const lane of story.lanes) lane.show(story.step, moving && !calm.matches);
  const slider = document.getElementById("step");
  slider.value = story.step;
  slider.setAttribute(
      "aria-valuetext",
      `step ${story.step} of ${steps()}: ${story.lanes.map(lane => lane.caption.textContent).join(" ")}`);
  document.getElementById("step-count").textContent = `${story.step} / ${steps()}`;
}

function isPlaying() { return story.timer !== null; }

function tick() {
  show(story.step + 1);
  if (story.step === steps()) return pause();
  const writing = story.lanes.some(lane => lane.at(lane.now).phase !== "read");
  followStory();
  story.timer = setTimeout(tick, writing ? kWriteTime : kReadTime);
}

/** Scrolls to the word that is read or written, if it is out of sight behind the bar or the window's edge. */
function followStory() {
  const word = document.querySelector("#lanes .word.current");
  if (!word) return;
  const box = word.getBoundingClientRect(), bar = document.getElementById("transport").getBoundingClientRect();
  if (box.top >= 0 && box.bottom <= Math.min(innerHeight, bar.top)) return;
  scrollBy({top: (box.top + box.bottom - bar.top) / 2, behavior: calm.matches ? "auto" : "smooth"});
}

function play() {
  if (story.step === steps()) show(0, false);
  story.timer = setTimeout(tick, kReadTime);
  sayPlaying();
}

function pause() {
  clearTimeout(story.timer);
  story.timer = null;
  sayPlaying();
}

function sayPlaying() {
  const button = document.getElementById("play"), word = isPlaying() ? "Pause" : "Play";
  button.setAttribute("aria-label", word);
  button.classList.toggle("playing", isPlaying());
  document.getElementById("play-word").textContent = word;
  // While it plays, a screen reader is not interrupted at every word.
  for (const lane of story.lanes) lane.caption.setAttribute("aria-live", isPlaying() ? "off" : "polite");
}

function stepBy(count) {
  pause();
  show(story.step + count, count > 0);
  if (Number.isFinite(count)) followStory();
}

function listenStory() {
  const on = (id, event, act) => document.getElementById(id).addEventListener(event, act);
  on("play", "click", () => isPlaying() ? pause() : play());
  on("back", "click", () => stepBy(-1));
  on("forward", "click", () => stepBy(1));
  on("restart", "click", () => stepBy(-Infinity));
  on("step", "input", event => {
    pause();
    show(Number(event.target.value));
  });
  document.addEventListener("keydown", event => {
    if (story.lanes.length === 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("input, select, textarea, #matrix, #lines")) return;
    const acts = {
      ArrowRight: () => stepBy(1),
      ArrowLeft: () => stepBy(-1),
      Home: () => stepBy(-Infinity),
      End: () => stepBy(Infinity)
    };
    if (event.key === " " && !event.target.closest("button")) acts[" "] = () => isPlaying() ? pause() : play();
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
}
