// Puts the page together: what is chosen decides what is drawn.

function showPointed(next) {
  if (pointed.query === next.query && pointed.key === next.key) return;
  pointed = {...next};
  drawPointed();
}

/** Keeps what is pointed at when the pointer leaves; the same again lets it go. */
function keep(next) {
  const same = kept.query === next.query && kept.key === next.key;
  kept = same ? {query: null, key: null} : {...next};
  showPointed(kept);
  drawPointed();
}

function drawPointed() {
  shadeStrip();
  sayPointed();
  if (chosen.view === "matrix")
    markMatrix();
  else
    markLines();
}

/** Draws the chosen view from its labels on. */
function drawView() {
  document.getElementById("matrix").hidden = chosen.view !== "matrix";
  document.getElementById("lines-few").hidden = chosen.view === "matrix";
  document.getElementById("masked-key").hidden = !maps().causal || chosen.view !== "matrix";
  document.getElementById("lines").hidden = chosen.view !== "lines";
  if (chosen.view === "matrix")
    drawMatrix();
  else
    drawLines();
}

function drawMaps() {
  pointed = kept = {query: null, key: null};
  document.getElementById("part-about").textContent = maps().about;
  drawStrip();
  readWeights();
  drawView();
  drawPointed();
}

function drawExample() {
  const unknown = document.getElementById("unknown"), words = example().unknown;
  unknown.hidden = words.length === 0;
  unknown.textContent = `The model does not know ${words.map(quoted).join(", ")}: it reads <unk> there.`;
  buildStory();
}

/** A new choice: {example}, {part}, {layer}, {head} or {view}. */
function choose(change) {
  Object.assign(chosen, change);
  if ("example" in change) chosen.part = Math.min(chosen.part, example().maps.length - 1);
  drawChoices();
  document.getElementById("alert").hidden = true;
  history.replaceState(null, "", address());
  if ("example" in change) drawExample();
  if ("example" in change || "part" in change) return drawMaps();
  if ("view" in change) return drawView();
  readWeights();
  if (chosen.view === "matrix")
    drawCells();
  else
    weighLines();
  drawPointed();
}

function drawRamp() {
  const canvas = document.getElementById("ramp"), context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; ++x) {
    context.fillStyle = css(shade(x / (canvas.width - 1)));
    context.fillRect(x, 0, 1, 1);
  }
}

/** Arrow keys in a picture of weights. */
function movePointed(event) {
  const {queries, keys} = maps(), isMatrix = chosen.view === "matrix";
  const clamp = (i, count) => Math.max(0, Math.min(count - 1, i));
  const by = (query, key) => isMatrix ? {
    query: clamp((pointed.query ?? -query) + query, queries.length),
    key: clamp((pointed.key ?? -key) + key, keys.length)
  } :
      pointed.query === null && pointed.key !== null ?
                                        {query: null, key: clamp(pointed.key + query, keys.length)} :
                                        {query: clamp((pointed.query ?? -query) + query, queries.length), key: null};
  const across = toKeys => {
    const from = pointed.query ?? pointed.key ?? 0;
    return toKeys ? {query: null, key: clamp(from, keys.length)} : {query: clamp(from, queries.length), key: null};
  };
  const moves = {
    ArrowUp: () => by(-1, 0),
    ArrowDown: () => by(1, 0),
    ArrowLeft: () => isMatrix ? by(0, -1) : across(false),
    ArrowRight: () => isMatrix ? by(0, 1) : across(true),
  };
  if (moves[event.key])
    showPointed(moves[event.key]());
  else if (event.key === "Enter")
    keep(pointed);
  else if (event.key === "Escape") {
    kept = {query: null, key: null};
    showPointed(kept);
  } else
    return;
  event.preventDefault();
}

function redraw() {
  readPalette();
  drawRamp();
  if (story.lanes.length) layoutStory();
  drawView();
  drawPointed();
}

function start() {
  readPalette();
  document.getElementById("about").textContent = page.about;
  const select = document.getElementById("example");
  page.examples.forEach((e, i) => select.append(element("option", {value: i}, e.name)));
  document.getElementById("example-choice").hidden = page.examples.length < 2;
  select.addEventListener("change", () => choose({example: Number(select.value)}));
  document.getElementById("choices").addEventListener("submit", event => event.preventDefault());
  listenStory();
  listenMatrix();
  listenLines();
  for (const id of ["matrix", "lines"]) document.getElementById(id).addEventListener("keydown", movePointed);
  const fromAddress = () => {
    readAddress();
    select.value = chosen.example;
    drawChoices();
    drawExample();
    drawMaps();
  };
  window.addEventListener("hashchange", fromAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  window.addEventListener("resize", () => {
    if (innerWidth !== width) {
      width = innerWidth;
      redraw();
    }
  });
  drawRamp();
  fromAddress();
}

start();
