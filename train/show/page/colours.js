// Colours come from the style sheet, so that light and dark are decided there alone.

let palette = {};

function parseColour(text) {
  const hex = text.trim().slice(1);
  return [0, 2, 4].map(i => parseInt(hex.slice(i, i + 2), 16));
}

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const colour = name => parseColour(style.getPropertyValue(name));
  palette = {
    ramp: ["--ramp-0", "--ramp-1", "--ramp-2"].map(colour),
    seen: colour("--seen"),
    faint: colour("--faint"),
    below: colour("--below"),
    middle: colour("--middle"),
    above: colour("--above"),
    font: style.getPropertyValue("--font"),
    mono: style.getPropertyValue("--mono"),
  };
}

function mix(a, b, share) { return a.map((x, i) => Math.round(x + (b[i] - x) * share)); }
function css(rgb) { return `rgb(${rgb[0]}, ${rgb[1]}, ${rgb[2]})`; }

/** How strongly a weight in [0, 1] is drawn: small weights must be seen beside large ones. */
function strength(weight) { return Math.sqrt(Math.min(1, Math.max(0, weight))); }

/** The shade of a weight: one hue whose lightness runs one way, so that no colour need be told from another. */
function shade(weight) {
  const s = 2 * strength(weight);
  return s <= 1 ? mix(palette.ramp[0], palette.ramp[1], s) : mix(palette.ramp[1], palette.ramp[2], s - 1);
}

/** Whether dark or light text can be read on a shade: its relative luminance (WCAG 2). */
function textOn(rgb) {
  const [r, g, b] = rgb.map(x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.2 ? "#10151d" : "#ffffff";
}

/** One number of a hidden state, scaled to [-1, 1]. */
function stateColour(value) {
  const s = Math.min(1, Math.abs(value)) ** 0.7;
  return css(mix(palette.middle, value < 0 ? palette.below : palette.above, s));
}
