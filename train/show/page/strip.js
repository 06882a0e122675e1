// The tokens as running text: pointing at one shades those that it looks at. And the sentence that says the numbers.

const strip = {
  queries: [],
  keys: []
};

function isUnknown(token) { return example().unknown.includes(token); }

function tokenElements(tokens, kind) {
  const mono = tokens.every(token => [...token].length <= 1);
  const line = element("p", {class: `tokens ${kind}${mono ? " characters" : ""}`});
  const made = tokens.map((token, i) => {
    const span = element("span", {class: "token", "data-index": i}, visible(token));
    if (isBlank(token)) span.classList.add("blank");
    if (kind !== "written" && isUnknown(token)) span.classList.add("unknown-token");
    // Characters break into lines behind blanks.
    if (mono && (i === 0 || isBlank(tokens[i - 1]))) line.append(element("span", {class: "run"}));
    (mono ? line.lastChild : line).append(span);
    return span;
  });
  return [line, made];
}

/** Whether queries and keys are the same tokens: then one line shows both. */
function isSelf() {
  const {queries, keys} = maps();
  return queries.length === keys.length && queries.every((token, i) => token === keys[i]);
}

function drawStrip() {
  const box = document.getElementById("strip");
  box.replaceChildren();
  const point = (line, made, toward) => {
    line.addEventListener("pointermove", event => {
      const span = event.target.closest(".token");
      if (span) showPointed(toward(made.indexOf(span)));
    });
    line.addEventListener("pointerleave", () => showPointed(kept));
    line.addEventListener("click", event => {
      const span = event.target.closest(".token");
      if (span) keep(toward(made.indexOf(span)));
    });
  };
  if (isSelf()) {
    const [line, made] = tokenElements(maps().queries, "both");
    strip.queries = strip.keys = made;
    point(line, made, i => ({query: i, key: null}));
    box.append(line);
    return;
  }
  const [above, keys] = tokenElements(maps().keys, "keys");
  const [below, queries] = tokenElements(maps().queries, "written");
  strip.keys = keys;
  strip.queries = queries;
  point(above, keys, i => ({query: null, key: i}));
  point(below, queries, i => ({query: i, key: null}));
  box.append(above, below);
}

/** Shades the line by what the pointed token looks at, or by who looks at it. */
function shadeStrip() {
  const clear = span => {
    span.style.backgroundColor = span.style.color = "";
    span.classList.remove("asking", "asked");
  };
  strip.queries.forEach(clear);
  strip.keys.forEach(clear);
  const paint = (span, w) => {
    const rgb = shade(w);
    span.style.backgroundColor = css(rgb);
    span.style.color = textOn(rgb);
  };
  const {query, key} = pointed;
  if (query !== null)
    strip.keys.forEach((span, s) => isMasked(query, s) || paint(span, weight(query, s)));
  else if (key !== null && strip.queries !== strip.keys)
    strip.queries.forEach((span, t) => paint(span, weight(t, key)));
  if (query !== null) strip.queries[query].classList.add("asking");
  if (key !== null) strip.keys[key].classList.add("asked");
}

/** The largest weights of a row or column: [[index, weight], ...]. */
function largest(weights, count) {
  return Array.from(weights, (w, i) => [i, w])
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, count)
      .filter(([, w]) => w > 0);
}

function sayPointed() {
  const {query, key} = pointed, {queries, keys} = maps(), out = document.getElementById("readout");
  out.replaceChildren();
  const list = (entries, tokens) => entries.forEach(([i, w]) => {
    const item = element("span", {class: "answer"});
    item.append(element("b", {}, visible(tokens[i])), " " + written(w));
    out.append(" ", item);
  });
  if (query === null && key === null) {
    out.append(element("span", {class: "hint"}, "Point at a token to see what it looks at."));
  } else if (key === null) {
    out.append(element("b", {class: "query-text"}, quoted(queries[query])), " looks at");
    list(largest(keys.map((_, s) => weight(query, s)), 5), keys);
  } else if (query === null) {
    out.append(element("b", {class: "key-text"}, quoted(keys[key])), " is looked at by");
    list(largest(queries.map((_, t) => weight(t, key)), 5), queries);
  } else {
    out.append(
        element("b", {class: "query-text"}, quoted(queries[query])), " looks at ",
        element("b", {class: "key-text"}, quoted(keys[key])), " with weight ",
        element("b", {id: "weight"}, written(weight(query, key))),
        isMasked(query, key) ? ": the mask hides what comes later" : "");
  }
}
