// The translator on the page: a sentence is translated as it is typed, and a word's line may be put on another word.

const kMostShown = 120;  // words of a translation that are drawn
const loom = {
  model: null,
  ids: [],
  words: [],
  forced: {},
  even: false,
  chosen: 0,
  dragging: null,
  own: null,
  now: null,
  row: 30
};
const svgOf = id => document.getElementById(id);

/** Reads so many words, or pieces of words, of a sentence: their ids, and what they are called. */
function readWords(words, most) {
  const pieces = piecesOf(page.source);
  const ids = pieces ? words.length ? pieces.encode(" " + words.join(" ")) : [] : sourceIds(words);
  loom.count = ids.length;
  loom.ids = ids.slice(0, most);
  loom.words = pieces ? loom.ids.map(id => page.source.names[id]) : words.slice(0, most);
}

function sourceIds(words) {
  const known = loom.known ??= new Map(page.source.names.map((name, id) => [name, id]));
  const special = new Set([page.source.begin, page.source.end, page.source.pad]);
  return words.map(word => known.has(word) && !special.has(known.get(word)) ? known.get(word) : page.source.unknown);
}

/** The word that a step wrote: an unknown one is copied from where it looked. */
function wordWritten(step) {
  return step.id === page.target.unknown ? loom.words[best(step.shares)] : page.target.names[step.id];
}
function textOf(result) {
  const pieces = piecesOf(page.target), {begin, pad, end} = page.target;
  if (pieces) {
    const ids = result.steps.map(step => step.id).filter(id => id !== end && id !== begin && id !== pad);
    return pieces.decode(ids).split(" ").filter(word => word).join(" ");
  }
  return result.steps.filter(step => step.id !== page.target.end)
      .map(wordWritten)
      .filter(word => word !== "<pad>" && word !== "<bos>")
      .join(" ");
}

function mostWritten() { return Math.min(2 * loom.ids.length + 10, page.config.context ?? Infinity); }
function run(how) { return translated(loom.model, loom.ids, {...page.target, most: mostWritten()}, how); }

/** Reads the field, translates, and draws. */
function readSentence() {
  const all = wordsOf(document.getElementById("sentence").value), said = [];
  readWords(all, page.most);
  const unknown = [...new Set(loom.words.filter((_, s) => loom.ids[s] === page.source.unknown))];
  if (all.length === 0) said.push("Type at least one word.");
  if (loom.count > page.most) {
    const most = counted(page.most, piecesOf(page.source) ? "piece" : "word");
    said.push(`The model takes at most ${most}: the first ${page.most} of ${loom.count} are read.`);
  }
  if (unknown.length) {
    const named =
        unknown.slice(0, 8).map(quoted).join(", ") + (unknown.length > 8 ? ` and ${unknown.length - 8} more` : "");
    said.push(`The model does not know ${named}; it reads <unk> there.`);
  }
  const note = document.getElementById("said");
  note.textContent = said.join(" ");
  note.hidden = said.length === 0;
  loom.forced = {};
  loom.even = false;
  loom.chosen = 0;
  retranslate(true);
}

function retranslate(anew = false) {
  document.getElementById("desk").hidden = loom.ids.length === 0;
  if (loom.ids.length === 0) return;
  const begin = performance.now();
  if (anew) loom.own = run({});
  const touched = loom.even || Object.keys(loom.forced).length > 0;
  loom.now = touched ? run({forced: loom.forced, even: loom.even}) : loom.own;
  loom.ms = performance.now() - begin;
  for (const t of Object.keys(loom.forced))
    if (Number(t) >= loom.now.steps.length && loom.dragging !== Number(t)) delete loom.forced[t];
  loom.chosen = Math.min(loom.chosen, loom.now.steps.length - 1);
  drawAll();
}

function drawAll() {
  drawLoom();
  drawResult();
  drawStep();
  drawSheet();
}

// --- the words and their lines

function drawLoom() {
  const svg = svgOf("loom"), {words} = loom, steps = loom.now.steps.slice(0, kMostShown),
        written = steps.map(wordWritten);
  const focused = document.activeElement?.dataset?.row;
  const width = Math.max(120, Math.min(document.getElementById("loom-box").clientWidth, 620)),
        row = loom.row = Math.max(words.length, steps.length) > 24 ? 24 : 32;
  const size = row > 28 ? 16 : 13, font = `${size}px ${palette.font}`,
        height = Math.max(words.length, steps.length) * row + 8;
  const side = texts => Math.min(widest(texts, font) + 22, width * 0.36), left = loom.left = side(words),
        right = width - side(written);
  for (const [name, value] of [
           ["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height], ["font-size", size]])
    svg.setAttribute(name, value);
  svg.replaceChildren();
  const y = i => 4 + (i + 0.5) * row, bend = (right - left) * 0.45;
  const path = (t, s) => `M${right - 4} ${y(t)}C${right - bend} ${y(t)} ${left + bend} ${y(s)} ${left + 8} ${y(s)}`;
  steps.forEach((step, t) => step.shares.forEach((share, s) => {
    if (share < 0.004) return;
    const line = svgElement("path", {
      class: `line${t in loom.forced ? " forced" : ""}`,
      d: path(t, s),
      "stroke-width": (0.5 + 4.5 * strength(share)).toFixed(2),
      "stroke-opacity": (strength(share) * (t === loom.chosen ? 1 : 0.6)).toFixed(3),
      "data-row": t,
      "data-weight": share
    });
    svg.append(line);
  }));
  words.forEach((word, s) => {
    const group =
        svgElement("g", {class: `source${loom.ids[s] === page.source.unknown ? " unknown" : ""}`, "data-word": s});
    const rgb = shade(steps[loom.chosen]?.shares[s] ?? 0);
    const box =
        svgElement("rect", {class: "box", x: 2, y: y(s) - row / 2 + 2, width: left - 4, height: row - 4, rx: 5});
    const text =
        svgElement("text", {x: left - 10, y: y(s), "text-anchor": "end"}, fitted(visible(word), left - 18, font));
    box.style.fill = css(rgb);
    text.style.fill = textOn(rgb);
    group.append(box, text);
    svg.append(group);
  });
  steps.forEach((step, t) => {
    const at = best(step.shares), forced = t in loom.forced, own = loom.own.steps[t];
    const changed = !own || own.id !== step.id,
          classes = `target${forced ? " forced" : ""}${changed ? " changed" : ""}${t === loom.chosen ? " chosen" : ""}`;
    const group = svgElement("g", {
      class: classes,
      "data-row": t,
      tabindex: 0,
      role: "slider",
      "aria-valuemin": 1,
      "aria-valuemax": words.length,
      "aria-valuenow": at + 1,
      "aria-label": visible(written[t]),
      "aria-valuetext":
          `looks at ${quoted(words[at])}, ${written1(step.shares[at])}${forced ? ", put there by hand" : ""}`
    });
    group.append(
        svgElement(
            "rect",
            {class: "box", x: right + 2, y: y(t) - row / 2 + 2, width: width - right - 4, height: row - 4, rx: 5}),
        svgElement("text", {x: right + 10, y: y(t)}, fitted(visible(written[t]), width - right - 16, font)));
    svg.append(group);
    svg.append(svgElement("circle", {
      class: `grip${forced ? " forced" : ""}`,
      cx: left + 8,
      cy: y(at),
      r: t === loom.chosen ? 7 : 5,
      "data-row": t
    }));
  });
  if (focused !== undefined) svg.querySelector(`.target[data-row="${focused}"]`)?.focus();
}

function written1(share) { return share.toFixed(2); }

function rowAt(event) {
  const box = svgOf("loom").getBoundingClientRect(), scale = box.height / Number(svgOf("loom").getAttribute("height"));
  return Math.max(0, Math.min(loom.words.length - 1, Math.floor(((event.clientY - box.top) / scale - 4) / loom.row)));
}
function put(t, s) {
  if (loom.forced[t] === s) return;
  loom.forced[t] = s;
  loom.even = false;
  retranslate();
}
function choose(t) {
  if (loom.chosen === t) return;
  loom.chosen = t;
  drawAll();
}

function listenLoom() {
  const svg = svgOf("loom");
  svg.addEventListener("pointerdown", event => {
    const held = event.target.closest("[data-row]");
    if (!held) return;
    const t = Number(held.dataset.row);
    choose(t);
    loom.dragging = t;
    loom.moved = false;
    loom.from = [event.clientX, event.clientY];
    svg.setPointerCapture(event.pointerId);
    svg.classList.add("dragging");
    event.preventDefault();
    svg.querySelector(`.target[data-row="${t}"]`)?.focus({preventScroll: true});
  });
  svg.addEventListener("pointermove", event => {
    if (loom.dragging === null) return;
    if (!loom.moved && Math.hypot(event.clientX - loom.from[0], event.clientY - loom.from[1]) < 5) return;
    loom.moved = true;
    put(loom.dragging, rowAt(event));
    svg.querySelector(`.source[data-word="${loom.forced[loom.dragging]}"]`)?.classList.add("aim");
  });
  const end = () => {
    if (loom.dragging === null) return;
    loom.dragging = null;
    svg.classList.remove("dragging");
    retranslate();
  };
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", end);
  svg.addEventListener("focusin", event => {
    const held = event.target.closest(".target");
    if (held && loom.dragging === null) choose(Number(held.dataset.row));
  });
  svg.addEventListener("keydown", event => {
    const held = event.target.closest(".target");
    if (!held) return;
    const t = Number(held.dataset.row), at = best(loom.now.steps[t].shares);
    if (event.key === "ArrowUp")
      put(t, Math.max(0, at - 1));
    else if (event.key === "ArrowDown")
      put(t, Math.min(loom.words.length - 1, at + 1));
    else if (event.key === "Delete" || event.key === "Backspace") {
      delete loom.forced[t];
      retranslate();
    } else
      return;
    event.preventDefault();
  });
}

// --- what came of it

function drawResult() {
  const own = textOf(loom.own), now = textOf(loom.now), box = document.getElementById("result");
  const touched = loom.even || Object.keys(loom.forced).length > 0;
  box.replaceChildren();
  box.append(
      element("span", {class: "hint"}, touched ? "By itself: " : "Translation: "),
      element("b", {id: "own"}, own || "(nothing)"));
  if (touched)
    box.append(
        element("br"),
        element("span", {class: "hint"}, loom.even ? "Looking at all words evenly: " : "With your lines: "),
        element("b", {id: "yours"}, now || "(nothing)"));
  if (loom.now.steps.at(-1).id !== page.target.end)
    box.append(
        " ",
        element("span", {class: "hint"}, `(cut off after ${counted(loom.now.steps.length, "word")}: it finds no end)`));
  document.getElementById("let-go").disabled = !touched;
  document.getElementById("even").setAttribute("aria-pressed", loom.even);
}

/** The chosen word in full: scores, shares, the weighted sum, what is joined, and what is fed back. */
function drawStep() {
  const t = loom.chosen, step = loom.now.steps[t], {words} = loom, word = wordWritten(step),
        forced = t in loom.forced || loom.even;
  document.getElementById("step-title").textContent = `Word ${t + 1}, ${quoted(word)}, step by step`;
  const item = (...parts) => {
    const li = element("li");
    li.append(...parts);
    return li;
  };
  const table = element("table"), head = element("tr"),
        scroll = element("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": "Scores and shares"});
  for (const name of ["word", "score", "share", ...(forced ? ["yours"] : [])])
    head.append(element("th", {scope: "col"}, name));
  table.append(head);
  words.forEach((source, s) => {
    const tr = element("tr");
    tr.append(
        element("td", {}, visible(source)), element("td", {class: "score"}, step.scores[s].toFixed(3)),
        element("td", {class: "own"}, step.own[s].toFixed(4)));
    if (forced) tr.append(element("td", {class: "yours"}, step.shares[s].toFixed(4)));
    table.append(tr);
  });
  scroll.append(table);
  const order = step.probabilities.map((p, id) => [p, id]).sort((a, b) => b[0] - a[0]).slice(0, 5);
  const guesses = element("table");
  for (const [p, id] of order) {
    const tr = element("tr");
    tr.append(element("td", {}, visible(page.target.names[id])), element("td", {class: "p"}, p.toFixed(4)));
    guesses.append(tr);
  }
  const sum = largestShares(step.shares).map(([share, s]) => `${share.toFixed(2)} × ${quoted(words[s])}`).join(" + ");
  const few = numbers => Array.from(numbers.slice(0, 4), x => x.toFixed(2)).join(", "), next = loom.now.steps[t + 1];
  const rnn = page.kind === "seq2seq";
  document.getElementById("story").replaceChildren(
      item(
          rnn ?
              "Scores: how well each word fits what comes next, v · tanh(W d + U h). Softmax makes them shares of 1." :
              `Scores, q · k / √${page.config.channels / page.config.heads}, in the last layer. ${
                  page.config.heads === 1 ?
                      "Softmax makes them shares of 1." :
                      `In each head, softmax makes them shares of 1; of both, the mean of the ${
                          counted(page.config.heads, "head")} stands here.`}`,
          scroll),
      item(`The weighted sum of the words' states: ${sum}${
          rnn ? ` = [${few(step.context)}, …], ${step.context.length} numbers.` :
                ", in each head of its own values."}`),
      item(
          rnn ? "It is joined with the word before and the decoder's state; from these, each word's probability:" :
                "Added to what the decoder knew; from this, each word's probability:",
          guesses),
      item(
          step.id === page.target.end ? "The likeliest ends the sentence." :
              next ? `The likeliest, ${quoted(page.target.names[step.id])}, is what the next step reads.` :
                     "The likeliest is written."));
}

function largestShares(shares) {
  return shares.map((share, s) => [share, s])
      .sort((a, b) => b[0] - a[0])
      .filter(([share], i) => i === 0 || share >= 0.05)
      .slice(0, 4);
}

function drawSheet() {
  const svg = svgOf("sheet"), {words} = loom, steps = loom.now.steps.slice(0, kMostShown),
        written = steps.map(wordWritten), font = `11px ${palette.font}`;
  const left = Math.min(130, widest(written, font) + 10), top = Math.min(110, widest(words, font) + 10);
  const room = Math.max(180, Math.min(svg.parentElement.clientWidth, 720)) - left,
        c = Math.max(7, Math.min(30, Math.floor(room / words.length)));
  for (const [name, value] of [
           ["viewBox", `0 0 ${left + words.length * c + 2} ${top + steps.length * c + 2}`],
           ["width", left + words.length * c + 2]])
    svg.setAttribute(name, value);
  svg.setAttribute("aria-label", "Weights of attention: a row for each word written, a column for each word read");
  svg.replaceChildren();
  if (c >= 11)
    words.forEach(
        (word, s) => svg.append(svgElement(
            "text", {transform: `translate(${left + (s + 0.5) * c} ${top - 6}) rotate(-90)`},
            fitted(visible(word), top - 8, font))));
  steps.forEach((step, t) => {
    if (c >= 11)
      svg.append(svgElement(
          "text", {x: left - 6, y: top + (t + 0.5) * c, "text-anchor": "end"},
          fitted(visible(written[t]), left - 8, font)));
    step.shares.forEach((share, s) => {
      const rect = svgElement("rect", {x: left + s * c, y: top + t * c, width: c - 1, height: c - 1});
      rect.style.fill = css(shade(share));
      svg.append(rect);
    });
  });
}

function startTranslator() {
  document.getElementById("translator").hidden = false;
  const field = document.getElementById("sentence");
  field.value = page.examples[0] ?? "";
  field.addEventListener("input", readSentence);
  document.getElementById("let-go").addEventListener("click", () => {
    loom.forced = {};
    loom.even = false;
    retranslate();
  });
  document.getElementById("even").addEventListener("click", () => {
    loom.even = !loom.even;
    loom.forced = {};
    retranslate();
  });
  listenLoom();
  chooseSnapshot(weights => {
    loom.model = new (page.kind === "seq2seq" ? Seq2Seq : Transformer)(page.config, weights);
    retranslate(true);
  });
  readSentence();
  window.live = {
    translate: (sentence, how = {}) => {
      field.value = sentence;
      readSentence();
      const result = run(how);
      return {
        text: textOf(result),
        states: result.states.map(x => [...x]),
        steps: result.steps.map(
            ({id, p, shares, probabilities, context}) => ({id, p, shares, probabilities, context: [...context]}))
      };
    },
    get ms() { return loom.ms; },
  };
}
