// The GPT on the page: what comes next, what happens without a head, and where each weight comes from.

const kBars = 12;
const writer = {
  gpt: null,
  tokens: [],
  off: new Set(),
  layer: 0,
  head: 0,
  cell: [0, 0],
  now: null,
  whole: null
};

function tokensOf(text) {
  const pieces = piecesOf(page.source), {before} = page.source;
  if (pieces) return {ids: [...before, ...pieces.encode(text || (before.length ? "" : "\n"))], unknown: []};
  const known = writer.known ??= new Map(page.source.names.map((name, id) => [name, id])), unknown = new Set(),
        ids = [];
  for (const c of text) {
    if (known.has(c))
      ids.push(known.get(c));
    else
      unknown.add(c);
  }
  return {ids: ids.length ? ids : [known.get("\n") ?? 0], unknown: [...unknown]};
}

/** The text that ids are. */
function textOfIds(ids) { return piecesOf(page.source)?.decode(ids) ?? ids.map(id => page.source.names[id]).join(""); }

/** Reads the tokens from an empty cache: the logits behind the last, what all heads saw, and the loss. */
function readAll(ids, off, gpt = writer.gpt) {
  gpt.reset();
  const rows = [];
  let last = null, loss = 0;
  ids.forEach((id, t) => {
    if (last) loss -= Math.log(softmax(last.logits)[id]) / Math.max(1, ids.length - 1);
    last = gpt.read(id, off);
    rows.push(last.seen);
  });
  return {logits: last.logits, rows, loss};
}

function controls() {
  return {
    temperature: Number(document.getElementById("temperature").value),
    k: Number(document.getElementById("top-k").value)
  };
}

/** The logits of ids that have a token: a model's vocabulary may have been rounded up. */
function nameable(logits) { return logits.slice(0, page.source.names.length); }

/** How probable each token is to be written next, as the controls are set. */
function chances(logits) {
  const {temperature, k} = controls();
  return sampled(nameable(logits), temperature, k);
}

function readPrompt() {
  const {ids, unknown} = tokensOf(document.getElementById("prompt").value), said = [], most = page.config.context;
  if (unknown.length) {
    const named =
        unknown.slice(0, 8).map(quoted).join(", ") + (unknown.length > 8 ? ` and ${unknown.length - 8} more` : "");
    said.push(`The model does not know ${named}, and does not read what it does not know.`);
  }
  if (document.getElementById("prompt").value === "") {
    const names = ids.map(id => page.source.names[id]).join("");
    said.push(`Nothing is typed: it begins as if behind ${names === "\n" ? "a line break" : quoted(names)}.`);
  }
  if (ids.length > most) said.push(`It sees the last ${most} of ${counted(ids.length, "token")}.`);
  const note = document.getElementById("gpt-said");
  note.textContent = said.join(" ");
  note.hidden = said.length === 0;
  writer.tokens = ids.slice(-most);
  const begin = performance.now();
  writer.whole = readAll(writer.tokens, new Set());
  writer.ms = performance.now() - begin;
  writer.now = writer.off.size ? readAll(writer.tokens, writer.off) : writer.whole;
  const n = writer.tokens.length;
  writer.cell = [n - 1, best(writer.now.rows[n - 1][writer.layer][writer.head].shares)];
  for (const button of document.querySelectorAll("#heads button")) button.querySelector("span").textContent = "";
  document.getElementById("measured").textContent = "";
  drawWriter();
}

function drawWriter() {
  drawNext();
  drawCellsOf();
  drawCell();
  document.getElementById("all-heads").disabled = writer.off.size === 0;
}

function drawNext() {
  const {temperature, k} = controls(), p = chances(writer.now.logits), whole = chances(writer.whole.logits);
  const order = p.map((share, id) => [share, id]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, kBars);
  document.getElementById("next").replaceChildren(...order.map(([share, id]) => {
    const li = element("li"), bar = element("span", {class: "bar"}), fill = element("i");
    fill.style.width = `${100 * share}%`;
    bar.append(fill);
    if (writer.off.size) {
      const mark = element("b");
      mark.style.left = `calc(${100 * whole[id]}% - 1px)`;
      bar.append(mark);
    }
    li.dataset.p = share;
    li.append(
        element("span", {class: "token-name"}, visible(page.source.names[id])), bar,
        element("span", {class: "share"}, written(share)));
    return li;
  }));
  const rest = p.filter(share => share > 0).length - order.filter(([share]) => share > 0).length;
  const loss = writer.tokens.length > 1 ?
      ` This text costs ${writer.now.loss.toFixed(3)} nats a token${
          writer.off.size ? `, ${writer.whole.loss.toFixed(3)} with all heads` : ""}.` :
                            "";
  document.getElementById("next-about").textContent = (rest > 0 ? `and ${rest} more.` : "and no others.") + loss;
  document.getElementById("temperature-value").textContent = temperature.toFixed(1);
  document.getElementById("top-k-value").textContent = k === page.source.names.length ? "all" : k;
}

/** Appends so many drawn tokens, one a frame, to see it write, until somebody types or takes another snapshot. */
function write(count) {
  const field = document.getElementById("prompt"),
        buttons = ["write-one", "write-many"].map(id => document.getElementById(id));
  const most = page.config.context, ids = writer.tokens.slice();
  const gpt = new Gpt(page.config, writer.gpt.weights);  // others may read meanwhile
  let next = readAll(ids, writer.off, gpt), text = field.value;
  const begun = text, added = [];
  const one = left => {
    const p = chances(next.logits);
    let draw = Math.random(), id = 0;
    while (id < p.length - 1 && (draw -= p[id]) >= 0) ++id;
    while (p[id] === 0) --id;  // rounding may go past the last that has a share
    const ended = page.source.ends.includes(id);
    if (!ended) ids.push(id), added.push(id);
    if (field.value === text && writer.gpt.weights === gpt.weights) field.value = text = begun + textOfIds(added);
    else left = 1;
    if (left === 1 || ended) {
      buttons.forEach(button => {
        button.disabled = false;
      });
      return readPrompt();
    }
    next = ids.length <= most ? gpt.read(id, writer.off) : readAll(ids.slice(-most), writer.off, gpt);
    setTimeout(one, 0, left - 1);
  };
  buttons.forEach(button => {
    button.disabled = true;
  });
  one(count);
}

// --- heads

function buildHeads() {
  const {layers, heads} = page.config;
  document.getElementById("heads").replaceChildren(...Array.from({length: layers}, (_, l) => {
    const row = element("div", {class: "layer-row"});
    row.append(element("span", {}, `Layer ${l + 1}`));
    for (let h = 0; h < heads; ++h) {
      const name = `${l}.${h}`,
            button = element(
                "button", {
                  type: "button",
                  "aria-pressed": false,
                  "aria-label": `Switch off layer ${l + 1}, head ${h + 1}`,
                  "data-head": name
                },
                `${h + 1}`);
      button.append(" ", element("span"));
      button.addEventListener("click", () => toggle(name));
      row.append(button);
    }
    return row;
  }));
  for (const [id, count] of [["layer", layers], ["head", heads]]) {
    const select = document.getElementById(id);
    for (let i = 0; i < count; ++i) select.append(element("option", {value: i}, String(i + 1)));
    select.addEventListener("change", () => {
      writer[id] = Number(select.value);
      drawCellsOf();
      drawCell();
    });
  }
}

function toggle(name) {
  if (!writer.off.delete(name)) writer.off.add(name);
  for (const button of document.querySelectorAll("#heads button"))
    button.setAttribute("aria-pressed", writer.off.has(button.dataset.head));
  writer.now = writer.off.size ? readAll(writer.tokens, writer.off) : writer.whole;
  drawWriter();
}

/** What the loss of this text gains without each head alone. */
function weighHeads() {
  const note = document.getElementById("measured"), buttons = [...document.querySelectorAll("#heads button")],
        tokens = writer.tokens;
  if (tokens.length < 2) {
    note.textContent = "A text of one token has no loss: type more.";
    return;
  }
  const next = i => {
    if (writer.tokens !== tokens) return;
    if (i === buttons.length) {
      note.textContent =
          "Beside each head: how many nats a token this text costs more without it. Below 0: it harms here.";
      return;
    }
    const gain = readAll(tokens, new Set([buttons[i].dataset.head])).loss - writer.whole.loss;
    buttons[i].querySelector("span").textContent = (gain >= 0 ? "+" : "−") + Math.abs(gain).toFixed(2);
    note.textContent = `${i + 1} of ${buttons.length} …`;
    setTimeout(next, 0, i + 1);
  };
  next(0);
}

// --- one weight

/** Pixels for the tokens at the matrix's edges, none where its cells are too small for them, and of a cell. */
function edges() {
  const n = writer.tokens.length, width = Math.min(document.getElementById("cells-box").clientWidth, 620);
  const room = Math.min(90, Math.ceil(widest(tokenNames(), writer.font = `12px ${palette.mono}`)) + 8);
  const size = taken => Math.max(2, Math.min(22, Math.floor((width - taken) / n)));
  return size(room) >= 11 ? [room, size(room)] : [0, size(0)];
}

function tokenNames() { return writer.tokens.map(id => visible(page.source.names[id])); }

/** The tokens along an edge: those that look from the top down, those looked at from the left, upwards if they are long. */
function drawEdge(id, width, height) {
  const canvas = document.getElementById(id), context = canvas.getContext("2d"), across = id === "cell-columns",
        room = across ? height : width, names = tokenNames();
  sizeCanvas(canvas, width, height);
  context.font = writer.font;
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--muted");
  context.textBaseline = "middle";
  const upright = names.every(name => [...name].length === 1);
  names.forEach((name, i) => {
    const at = (i + 0.5) * writer.size, text = fitted(name, room - 6, writer.font);
    context.save();
    if (across) context.translate(at, room - (upright ? 10 : 4));
    else context.translate(room - 4, at);
    if (across && !upright) context.rotate(-Math.PI / 2);
    context.textAlign = across ? upright ? "center" : "left" : "right";
    if (room > 0) context.fillText(text, 0, 0);
    context.restore();
  });
}

function drawCellsOf() {
  const canvas = document.getElementById("cells"), n = writer.tokens.length, [room, c] = edges();
  writer.size = c;
  sizeCanvas(canvas, n * c, n * c);
  drawEdge("cell-rows", room, n * c);
  drawEdge("cell-columns", n * c, room);
  const context = canvas.getContext("2d");
  for (let t = 0; t < n; ++t) {
    const {shares} = writer.now.rows[t][writer.layer][writer.head];
    for (let s = 0; s <= t; ++s) {
      context.fillStyle = css(shade(shares[s]));
      context.fillRect(s * c, t * c, c > 5 ? c - 1 : c, c > 5 ? c - 1 : c);
    }
    if (c < 6) continue;
    context.fillStyle = css(palette.faint);
    for (let s = t + 1; s < n; ++s) context.fillRect(s * c + c / 2 - 1, t * c + c / 2 - 1, 2, 2);
  }
  const [t, s] = writer.cell;
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--asks");
  context.lineWidth = 2;
  context.strokeRect(s * c, t * c, c, c);
}

function drawCell() {
  const [t, s] = writer.cell, {query, keys, products, shares, hidden} = writer.now.rows[t][writer.layer][writer.head],
            D = page.config.head_size;
  const few = x => `[${Array.from(x.slice(0, 4), a => a.toFixed(3)).join(", ")}${x.length > 4 ? ", …" : ""}]`,
        rows = [];
  const name = i => quoted(page.source.names[writer.tokens[i]]),
        signed = x => x.toFixed(3).replace("-", "−"),
        add = (term, text, id) => rows.push(element("dt", {}, term), element("dd", id ? {id} : {}, text));
  add("looks", `${name(t)}, token ${t + 1}`);
  add("at", `${name(s)}, token ${s + 1}`);
  if (s > t) {
    add("mask", "It comes later: its score is −∞, its weight exactly 0.", "cell-mask");
    add("weight", "0", "cell-weight");
  } else {
    const scaled = products.map(x => x / Math.sqrt(D)), largest = Math.max(...scaled.filter((_, i) => !hidden(i)));
    const sum = scaled.reduce((all, x, i) => hidden(i) ? all : all + Math.exp(x - largest), 0);
    add("query q", few(query));
    add("key k", few(keys[s]));
    add("q · k", products[s].toFixed(4), "cell-product");
    add(`/ √${D}`, scaled[s].toFixed(4), "cell-scaled");
    add("mask", hidden(s) ? "Outside the window: its score becomes −∞." :
                          `${s === t ? "It is the token itself" : "It came before"}: it may be seen.`,
        "cell-mask");
    add("softmax",
        hidden(s) ? "0" :
                    `exp(${signed(scaled[s])} − ${largest < 0 ? `(${signed(largest)})` : signed(largest)}) / ${sum.toFixed(3)} = ${
                        Math.exp(scaled[s] - largest).toFixed(4)} / ${sum.toFixed(3)}`,
        "cell-softmax");
    add("weight", written(shares[s]), "cell-weight");
  }
  document.getElementById("cell").replaceChildren(...rows);
}

function pick(t, s) {
  const n = writer.tokens.length, clamp = i => Math.max(0, Math.min(n - 1, i));
  writer.cell = [clamp(t), clamp(s)];
  drawCellsOf();
  drawCell();
}

function startWriter() {
  document.getElementById("writer").hidden = false;
  const on = (id, event, act) => document.getElementById(id).addEventListener(event, act),
        top = document.getElementById("top-k");
  top.max = page.source.names.length;  // before the value, which it limits
  top.value = top.max;
  document.getElementById("prompt").value = page.examples[0] ?? "";
  buildHeads();
  on("prompt", "input", readPrompt);
  on("temperature", "input", drawNext);
  on("top-k", "input", drawNext);
  on("write-one", "click", () => write(1));
  on("write-many", "click", () => write(40));
  on("all-heads", "click", () => {
    writer.off.clear();
    for (const b of document.querySelectorAll("#heads button")) b.setAttribute("aria-pressed", false);
    writer.now = writer.whole;
    drawWriter();
  });
  on("measure", "click", weighHeads);
  const cells = document.getElementById("cells");
  const at = event => {
    const box = cells.getBoundingClientRect(), c = box.width / writer.tokens.length;
    pick(Math.floor((event.clientY - box.top) / c), Math.floor((event.clientX - box.left) / c));
  };
  cells.addEventListener("click", at);
  cells.addEventListener("pointermove", event => {
    if (event.pointerType === "mouse") at(event);
  });
  cells.addEventListener("keydown", event => {
    const move = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (!move) return;
    event.preventDefault();
    pick(writer.cell[0] + move[0], writer.cell[1] + move[1]);
  });
  chooseSnapshot(weights => {
    writer.gpt = new Gpt(page.config, weights);
    readPrompt();
  });
  if (!page.examples.length) write(Math.min(40, page.config.context - 1));  // a text of its own, to begin with
  window.live = {
    read: (text, off = []) => {
      const {logits, rows, loss} = readAll(tokensOf(text).ids, new Set(off));
      return {
        logits: [...logits],
        loss,
        weights: rows.map(layers => layers.map(heads => heads.map(head => head.shares)))
      };
    },
    write: (text, count) => {  // the likeliest, as --temperature 0
      const {ids} = tokensOf(text), most = page.config.context, added = [];
      let next = readAll(ids.slice(-most), new Set());
      for (let i = 0; i < count; ++i) {
        const id = best(nameable(next.logits));
        if (page.source.ends.includes(id)) break;
        ids.push(id);
        added.push(id);
        next = ids.length <= most ? writer.gpt.read(id) : readAll(ids.slice(-most), new Set());
      }
      return text + textOfIds(added);
    },
    ids: text => tokensOf(text).ids,
    get ms() { return writer.ms; },
  };
}
