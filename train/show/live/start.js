// Which model it is decides which half of the page is there.

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
