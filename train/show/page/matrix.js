// The weights as a matrix: rows are queries, columns keys. Cells are drawn on a canvas, so that thousands cost little;
// labels are text.

const matrix = {
  cell: 0,
  rows: [],
  columns: []
};

function drawMatrix() {
  const {queries, keys} = maps(), box = document.getElementById("matrix");
  const T = queries.length, S = keys.length, room = box.parentElement.clientWidth;
  const font = `14px ${palette.font}`;
  const rowTexts = queries.map(visible), columnTexts = keys.map(visible);
  const rowWidth = Math.min(widest(rowTexts, font) + 14, room * 0.3);
  // Labels need 11 px; where cells are smaller, only the pointed row's and column's are shown.
  const crowded = (room - rowWidth - 2) / S < 11, margin = crowded ? Math.min(rowWidth, 90) : rowWidth;
  const cell = Math.min(46, (room - margin - 2) / S);
  matrix.cell = cell < 4 ? cell : Math.floor(cell);
  const size = crowded ? 12 : Math.min(14, Math.max(9, matrix.cell - 2)), small = `${size}px ${palette.font}`;
  const upright = keys.every(key => [...key].length <= 1) || widest(columnTexts, small) + 8 <= matrix.cell;
  const head = upright ? 24 : Math.min(widest(columnTexts, small) + 14, 130);
  box.style.gridTemplateColumns = `${margin}px ${S * matrix.cell}px`;
  box.style.gridTemplateRows = `${head}px ${T * matrix.cell}px`;
  box.classList.toggle("crowded", crowded);
  box.classList.toggle("upright", upright);
  const labels = (id, texts, place, width) => {
    const side = document.getElementById(id);
    side.style.fontSize = `${size}px`;
    side.replaceChildren();
    return texts.map((text, i) => {
      const label = element("span", {class: "label"}, fitted(text, width, small));
      label.style[place] = `${(i + 0.5) * matrix.cell}px`;
      side.append(label);
      return label;
    });
  };
  matrix.rows = labels("rows", rowTexts, "top", margin - 8);
  matrix.columns = labels("columns", columnTexts, "left", upright ? Infinity : head - 8);
  sizeCanvas(document.getElementById("cells"), S * matrix.cell, T * matrix.cell);
  drawCells();
  markMatrix();
}

function drawCells() {
  const {queries, keys} = maps(), c = matrix.cell;
  const context = document.getElementById("cells").getContext("2d");
  const gap = c >= 24 ? 2 : c >= 9 ? 1 : 0;
  context.clearRect(0, 0, keys.length * c, queries.length * c);
  context.font = `11px ${palette.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let t = 0; t < queries.length; ++t)
    for (let s = 0; s < keys.length; ++s) {
      if (isMasked(t, s)) {  // a dot where nothing can be: not even a weight of almost 0
        if (c < 6) continue;
        context.fillStyle = css(palette.faint);
        context.fillRect(s * c + (c - gap) / 2 - 1, t * c + (c - gap) / 2 - 1, 2, 2);
        continue;
      }
      const w = weight(t, s), rgb = shade(w);
      context.fillStyle = css(rgb);
      context.fillRect(s * c, t * c, c - gap, c - gap);
      if (c < 34 || w < 0.005) continue;
      context.fillStyle = textOn(rgb);
      context.fillText(w >= 0.995 ? "1" : w.toFixed(2).slice(1), s * c + (c - gap) / 2, t * c + (c - gap) / 2 + 0.5);
    }
}

function markMatrix() {
  const {query, key} = pointed, {queries, keys} = maps(), c = matrix.cell;
  const place = (id, shown, left, top, width, height) => {
    const mark = document.getElementById(id);
    mark.hidden = !shown;
    Object.assign(mark.style, {left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`});
  };
  place("mark-row", query !== null, 0, query * c, keys.length * c, c);
  place("mark-column", key !== null, key * c, 0, c, queries.length * c);
  place("mark", query !== null && key !== null, key * c, query * c, c, c);
  matrix.rows.forEach((label, t) => label.classList.toggle("pointed", t === query));
  matrix.columns.forEach((label, s) => label.classList.toggle("pointed", s === key));
}

function listenMatrix() {
  const sheet = document.getElementById("sheet");
  const cellAt = event => {
    const box = sheet.getBoundingClientRect();
    const at = (offset, count) => Math.max(0, Math.min(count - 1, Math.floor(offset / matrix.cell)));
    return {
      query: at(event.clientY - box.top, maps().queries.length),
      key: at(event.clientX - box.left, maps().keys.length)
    };
  };
  sheet.addEventListener("pointermove", event => showPointed(cellAt(event)));
  sheet.addEventListener("pointerdown", event => showPointed(cellAt(event)));
  sheet.addEventListener("pointerleave", () => showPointed(kept));
  sheet.addEventListener("click", event => keep(cellAt(event)));
  for (const [id, labels, name] of [["rows", "rows", "query"], ["columns", "columns", "key"]]) {
    const side = document.getElementById(id);
    const toward = event => ({query: null, key: null, [name]: matrix[labels].indexOf(event.target.closest(".label"))});
    side.addEventListener("pointermove", event => event.target.closest(".label") && showPointed(toward(event)));
    side.addEventListener("pointerleave", () => showPointed(kept));
    side.addEventListener("click", event => event.target.closest(".label") && keep(toward(event)));
  }
}
