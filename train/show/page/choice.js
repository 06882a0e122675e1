// What is chosen: example, attention, layer, head, view, and the token that is pointed at. The address keeps it
// (#part=cross&layer=2&head=3), counted from 1 as people do.

const kMean = "mean";
const chosen = {
  example: 0,
  part: 0,
  layer: 0,
  head: 0,
  view: "matrix"
};
/** What is pointed at: a row (query), a column (key), or a cell. `kept` is what stays when the pointer leaves. */
let pointed = {query: null, key: null};
let kept = {query: null, key: null};

function example() { return page.examples[chosen.example]; }
function maps() { return example().maps[chosen.part]; }
function headCount() { return maps().layers[chosen.layer].shape[0]; }
function headNames() {
  const names = Array.from({length: headCount()}, (_, h) => String(h + 1));
  return names.length > 1 ? [...names, kMean] : names;
}

/** The chosen weights, T rows of S: of one head, or their mean. */
let currentWeights = null;
function readWeights() {
  const tensor = maps().layers[chosen.layer], all = numbers(tensor), [H, T, S] = tensor.shape;
  if (chosen.head !== kMean) {
    currentWeights = all.subarray(chosen.head * T * S, (chosen.head + 1) * T * S);
    return;
  }
  currentWeights = new Float32Array(T * S);
  for (let i = 0; i < T * S; ++i) {
    let sum = 0;
    for (let h = 0; h < H; ++h) sum += all[h * T * S + i];
    currentWeights[i] = sum / H;
  }
}
function weight(query, key) { return currentWeights[query * maps().keys.length + key]; }
/** Whether the mask hides the key: no weight can be there. */
function isMasked(query, key) { return maps().causal && key > query; }

/** A row of radio buttons; choosing one calls `choose` with its index. Buttons that fit stay, with the focus. */
function radios(fieldset, names, checked, choose) {
  const old = [...fieldset.querySelectorAll("label")];
  if (old.length !== names.length || old.some((label, i) => label.textContent !== names[i])) {
    old.forEach(label => label.remove());
    names.forEach((name, i) => {
      const label = element("label"), input = element("input", {type: "radio", name: fieldset.id, value: i});
      input.addEventListener("change", () => choose(i));
      label.append(input, element("span", {}, name));
      fieldset.append(label);
    });
  }
  fieldset.hidden = names.length < 2;
  fieldset.querySelectorAll("input").forEach((input, i) => {
    input.checked = i === checked;
  });
}

function clamped(index, names) {
  return index === kMean ? (names.includes(kMean) ? kMean : 0) : Math.min(index, names.length - 1);
}

/** Makes every choice one that exists, and the buttons say so. */
function drawChoices() {
  const parts = example().maps, numbered = maps().layers.map((_, i) => String(i + 1));
  chosen.layer = clamped(chosen.layer, numbered);
  chosen.head = clamped(chosen.head, headNames());
  const heads = headNames(), views = ["matrix", "lines"];
  const by = id => document.getElementById(id);
  radios(by("part-choice"), parts.map(p => p.name), chosen.part, i => choose({part: i}));
  radios(by("layer-choice"), numbered, chosen.layer, i => choose({layer: i}));
  radios(
      by("head-choice"), heads, heads.indexOf(chosen.head === kMean ? kMean : String(chosen.head + 1)),
      i => choose({head: heads[i] === kMean ? kMean : i}));
  radios(by("view-choice"), views, views.indexOf(chosen.view), i => choose({view: views[i]}));
}

/** The address as it should be for what is chosen. */
function address() {
  const text = {};
  if (page.examples.length > 1) text.sentence = chosen.example + 1;
  if (example().maps.length > 1) text.part = maps().name;
  text.layer = chosen.layer + 1;
  text.head = chosen.head === kMean ? kMean : chosen.head + 1;
  text.view = chosen.view;
  return "#" + new URLSearchParams(text);
}

/** The index of a number written in the address, or a sentence in `wrong` that says what exists. */
function indexIn(text, count, what, wrong) {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= count) return number - 1;
  wrong.push(`There is no ${what} ${text}; there ${count === 1 ? `is one, ${what} 1` : `are ${what}s 1 to ${count}`}.`);
  return 0;
}

/** Takes the choices from the address. What does not exist is said and becomes the first. */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)), wrong = [];
  if (asked.has("sentence")) chosen.example = indexIn(asked.get("sentence"), page.examples.length, "sentence", wrong);
  if (asked.has("part")) {
    const names = example().maps.map(m => m.name), found = names.indexOf(asked.get("part"));
    if (found < 0) wrong.push(`There is no attention ${quoted(asked.get("part"))}; there is ${names.join(", ")}.`);
    chosen.part = Math.max(0, found);
  }
  chosen.part = Math.min(chosen.part, example().maps.length - 1);
  if (asked.has("layer")) chosen.layer = indexIn(asked.get("layer"), maps().layers.length, "layer", wrong);
  chosen.layer = Math.min(chosen.layer, maps().layers.length - 1);
  if (asked.get("head") === kMean && headCount() > 1)
    chosen.head = kMean;
  else if (asked.has("head"))
    chosen.head = indexIn(asked.get("head"), headCount(), "head", wrong);
  if (asked.has("view")) {
    const known = ["matrix", "lines"].includes(asked.get("view"));
    if (!known) wrong.push(`There is no view ${quoted(asked.get("view"))}; there is matrix, lines.`);
    chosen.view = known ? asked.get("view") : "matrix";
  }
  const alert = document.getElementById("alert");
  alert.textContent = wrong.join(" ");
  alert.hidden = wrong.length === 0;
}
