// Which model it is decides which half of the page is there.

/** Calls use(weights) with the last snapshot's, and where there are several whenever a reader chooses another. */
function chooseSnapshot(use) {
  const slider = document.getElementById("snapshot"), last = page.snapshots.length - 1, weights = [];
  document.getElementById("snapshots").hidden = last === 0;
  slider.max = last;  // before the value, which it limits
  slider.value = last;
  const choose = () => {
    const i = Number(slider.value), steps = counted(page.snapshots[i].steps, "step");
    document.getElementById("snapshot-steps").textContent = steps;
    slider.setAttribute("aria-valuetext", `after ${steps}`);
    use(weights[i] ??= weightsOf(page.snapshots[i]));
  };
  slider.addEventListener("input", choose);
  choose();
}

function startLive() {
  readPalette();
  document.getElementById("about").textContent = page.about;
  const redraw = () => {
    readPalette();
    if (page.kind === "gpt")
      drawWriter();
    else if (loom.ids.length)
      drawAll();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  window.addEventListener("resize", () => {
    if (innerWidth !== width) {
      width = innerWidth;
      redraw();
    }
  });
  if (page.kind === "gpt")
    startWriter();
  else
    startTranslator();
}

startLive();
