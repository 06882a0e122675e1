// The weights as lines: queries on the left, keys on the right, the stronger a line the larger its weight.

const lines = {queries: [], keys: [], groups: [], paths: [], step: 0};
const kLineWidth = 5;       // of weight 1, in pixels
const kFaintest = 0.002;    // weights below are not drawn

function drawLines() {
  const svg = document.getElementById("lines"), {queries, keys} = maps();
  const T = queries.length, S = keys.length, rows = Math.max(T, S);
  const step = lines.step = rows > 40 ? 18 : rows > 24 ? 22 : 28, size = Math.min(15, step - 4), font = `${size}px ${palette.font}`;
  const width = Math.min(svg.parentElement.clientWidth, 640), height = rows * step + 34;
  const side = texts => Math.min(widest(texts, font) + 10, width * 0.32);
  const left = side([...queries.map(visible), "looks"]), right = width - side([...keys.map(visible), "is seen"]);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.replaceChildren();
  svg.append(svgElement("text", {class: "heading", x: left - 8, y: 15, "text-anchor": "end"}, "looks"),
             svgElement("text", {class: "heading", x: right + 8, y: 15}, "is seen"));
  const y = i => 28 + (i + 0.5) * step;
  const labels = (tokens, kind, x, anchor) => tokens.map((token, i) => {
    const group = svgElement("g", {class: `end ${kind}${isBlank(token) ? " blank" : ""}`, "data-index": i});
    const [from, to] = kind === "query" ? [0, left] : [right, width];
    group.append(svgElement("rect", {x: from, y: y(i) - step / 2 + 1, width: to - from, height: step - 2, rx: 4}),
                 svgElement("text", {x, y: y(i), "text-anchor": anchor, "font-size": size}, fitted(visible(token), to - from - 10, font)));
    return group;
  });
  lines.queries = labels(queries, "query", left - 6, "end");
  lines.keys = labels(keys, "key", right + 6, "start");
  lines.paths = [];
  lines.groups = queries.map((_, t) => {
    const group = svgElement("g", {class: "from"});
    const bend = (right - left) * 0.42;
    lines.paths.push(keys.map((_, s) => {
      const path = svgElement("path", {d: `M${left} ${y(t)}C${left + bend} ${y(t)} ${right - bend} ${y(s)} ${right} ${y(s)}`});
      group.append(path);
      return path;
    }));
    return group;
  });
  svg.append(...lines.groups, ...lines.queries, ...lines.keys);
  weighLines();
  markLines();
}

function weighLines() {
  lines.paths.forEach((row, t) => row.forEach((path, s) => {
    const w = weight(t, s);
    if (w < kFaintest) return path.setAttribute("display", "none");
    path.removeAttribute("display");
    path.setAttribute("stroke-width", (0.4 + kLineWidth * strength(w)).toFixed(3));
    path.setAttribute("stroke-opacity", strength(w).toFixed(4));
  }));
}

function markLines() {
  const {query, key} = pointed, svg = document.getElementById("lines");
  svg.classList.toggle("pointing", query !== null || key !== null);
  svg.classList.toggle("pointing-key", query === null && key !== null);
  lines.groups.forEach((group, t) => group.classList.toggle("shown", t === query));
  for (const old of svg.querySelectorAll("path.shown")) old.classList.remove("shown");
  if (key !== null) lines.paths.forEach((row, t) => (query === null || t === query) && row[key].classList.add("shown"));
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
  const svg = document.getElementById("lines");
  const toward = event => {
    const end = event.target.closest(".end");
    if (!end) return null;
    const i = Number(end.dataset.index);
    return end.classList.contains("query") ? {query: i, key: null}
         : kept.query !== null && kept.key === null ? {query: kept.query, key: i} : {query: null, key: i};
  };
  svg.addEventListener("pointermove", event => showPointed(toward(event) ?? kept));
  svg.addEventListener("pointerleave", () => showPointed(kept));
  svg.addEventListener("click", event => keep(toward(event) ?? {query: null, key: null}));
}
