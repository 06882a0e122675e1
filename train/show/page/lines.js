// The weights as lines: queries on the left, keys on the right, the stronger a line the larger its weight. Lines are
// drawn on two canvases, all of them and above those that are pointed at; ends are text.

const lines = {
  step: 0,
  left: 0,
  right: 0,
  width: 0,
  height: 0,
  queries: [],
  keys: []
};
const kLineWidth = 5;     // of weight 1, in pixels
const kFaintest = 0.002;  // weights below it are not drawn
const kManyTokens = 40;   // of so many, all lines at once would be a blur: each token keeps its strongest

function drawLines() {
  const box = document.getElementById("lines"), {queries, keys} = maps();
  const rows = Math.max(queries.length, keys.length);
  const step = lines.step = rows > 40 ? 18 :
      rows > 24                       ? 22 :
                                        28,
        size = Math.min(15, step - 4), font = `${size}px ${palette.font}`;
  const width = lines.width = Math.min(box.parentElement.clientWidth, 640), height = lines.height = rows * step + 34;
  const side = texts => Math.min(widest(texts, font) + 12, width * 0.32);
  const left = lines.left = side([...queries.map(visible), "looks"]),
        right = lines.right = width - side([...keys.map(visible), "is seen"]);
  box.style.width = `${width}px`;
  box.style.height = `${height}px`;
  const ends = document.getElementById("ends");
  for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]])
    ends.setAttribute(name, value);
  ends.replaceChildren(
      svgElement("text", {class: "heading", x: left - 6, y: 15, "text-anchor": "end"}, "looks"),
      svgElement("text", {class: "heading", x: right + 6, y: 15}, "is seen"));
  const labels = (tokens, kind, [from, to], x, anchor) => tokens.map((token, i) => {
    const group = svgElement("g", {class: `end ${kind}${isBlank(token) ? " blank" : ""}`, "data-index": i});
    group.append(
        svgElement("rect", {x: from + 2, y: lineY(i) - step / 2 + 2, width: to - from - 4, height: step - 4, rx: 4}),
        svgElement(
            "text", {x, y: lineY(i), "text-anchor": anchor, "font-size": size},
            fitted(visible(token), to - from - 10, font)));
    ends.append(group);
    return group;
  });
  lines.queries = labels(queries, "query", [0, left], left - 6, "end");
  lines.keys = labels(keys, "key", [right, width], right + 6, "start");
  for (const id of ["all-lines", "some-lines"]) sizeCanvas(document.getElementById(id), width, height);
  weighLines();
  markLines();
}

function lineY(i) { return 28 + (i + 0.5) * lines.step; }

/** Draws the lines of some pairs [query, key]. */
function strokeLines(id, pairs) {
  const context = document.getElementById(id).getContext("2d"), {left, right} = lines, bend = (right - left) * 0.42;
  context.clearRect(0, 0, lines.width, lines.height);
  context.strokeStyle = css(palette.seen);
  for (const [t, s] of pairs) {
    const w = weight(t, s);
    if (w < kFaintest) continue;
    context.lineWidth = 0.4 + kLineWidth * strength(w);
    context.globalAlpha = strength(w);
    context.beginPath();
    context.moveTo(left + 1, lineY(t));
    context.bezierCurveTo(left + bend, lineY(t), right - bend, lineY(s), right - 1, lineY(s));
    context.stroke();
  }
}

function weighLines() {
  const {queries, keys} = maps();
  const many = Math.max(queries.length, keys.length) > kManyTokens;
  strokeLines("all-lines", queries.flatMap((_, t) => {
    const row = keys.map((_, s) => [t, s]);
    return many ? row.sort((a, b) => weight(...b) - weight(...a)).slice(0, 2) : row;
  }));
  document.getElementById("lines-few").hidden = !many;
}

function markLines() {
  const {query, key} = pointed, {queries, keys} = maps();
  document.getElementById("lines").classList.toggle("pointing", query !== null || key !== null);
  strokeLines(
      "some-lines",
      query !== null && key !== null ? [[query, key]] :
          query !== null             ? keys.map((_, s) => [query, s]) :
          key !== null               ? queries.map((_, t) => [t, key]) :
                                       []);
  const paint = (ends, weightOf) => ends.forEach((end, i) => {
    const [box, text] = end.children, w = weightOf(i), rgb = w === null ? null : shade(w);
    box.style.fill = rgb ? css(rgb) : "";
    text.style.fill = rgb ? textOn(rgb) : "";
  });
  paint(lines.keys, s => query === null ? null : weight(query, s));
  paint(lines.queries, t => query === null && key !== null ? weight(t, key) : null);
  lines.queries.forEach((end, t) => end.classList.toggle("asking", t === query));
  lines.keys.forEach((end, s) => end.classList.toggle("asked", s === key));
}

function listenLines() {
  const ends = document.getElementById("ends");
  const toward = event => {
    const end = event.target.closest(".end");
    if (!end) return null;
    const i = Number(end.dataset.index);
    return end.classList.contains("query")       ? {query: i, key: null} :
        kept.query !== null && kept.key === null ? {query: kept.query, key: i} :
                                                   {query: null, key: i};
  };
  ends.addEventListener("pointermove", event => showPointed(toward(event) ?? kept));
  ends.addEventListener("pointerleave", () => showPointed(kept));
  ends.addEventListener("click", event => keep(toward(event) ?? {query: null, key: null}));
}
