// The page's data, and how tokens and weights are written out.

const page = JSON.parse(document.getElementById("data").textContent);

/** The numbers of a tensor {shape, f32}, row by row: base64 of little-endian floats. */
function numbersOf(tensor) {
  const bytes = Uint8Array.from(atob(tensor.f32), c => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({length: bytes.length / 4}, (_, i) => view.getFloat32(4 * i, true));
}

/** Decoded on first use: tensor -> numbers. */
const decoded = new Map();
function numbers(tensor) {
  if (!decoded.has(tensor)) decoded.set(tensor, numbersOf(tensor));
  return decoded.get(tensor);
}

/** A token as one can see it: white space gets signs. */
function visible(token) {
  return token === "" ? "∅" :
                        token.replace(/ /g, "·").replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\p{Cc}/gu, "\ufffd");
}
function isBlank(token) { return /^\s*$/.test(token); }
function quoted(token) { return "“" + visible(token) + "”"; }

/** "1 word", "2 words" */
function counted(count, noun) { return `${count} ${noun}${count === 1 ? "" : "s"}`; }

/** A weight to four decimals, or with its exponent if that would be all zeros. */
function written(weight) { return weight === 0 ? "0" : weight < 0.00005 ? weight.toExponential(1) : weight.toFixed(4); }

function element(name, attributes = {}, text = null) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}
function svgElement(name, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

/** Makes a canvas so many CSS pixels large, as sharp as the screen; it is drawn on in CSS pixels. */
function sizeCanvas(canvas, width, height) {
  const dense = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.getContext("2d").setTransform(dense, 0, 0, dense, 0, 0);
}

const measure = document.createElement("canvas").getContext("2d");
/** Width in pixels of the widest of some texts. */
function widest(texts, font) {
  measure.font = font;
  return Math.max(0, ...texts.map(text => measure.measureText(text).width));
}
/** A text cut with an ellipsis to a width in pixels. */
function fitted(text, width, font) {
  if (widest([text], font) <= width) return text;
  let kept = [...text];
  while (kept.length > 1 && widest([kept.join("") + "…"], font) > width) kept.pop();
  return kept.join("") + "…";
}
