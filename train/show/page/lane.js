// One lane of the animation: a sentence on the left is read, word by word, into states; on the right the translation is
// written, each word from what the lane's model reads of those states. Time is counted in steps: 0 is before the first
// word.

const kRise = 24;  // pixels above the first row, for headings

class Lane {
  /** `writes`: how many words there are to write if the lane is a scheme that writes none. */
  constructor(data, writes) {
    this.data = data;
    this.S = data.source.length;
    this.scheme = data.written.length === 0;
    this.words = this.scheme ? Array(writes).fill("?") : data.written.map(visible);
    this.T = this.words.length;
    this.attends = data.weights !== null;
    this.weights = this.attends ? numbers(data.weights) : null;
    this.reading = data.reading === "at_once" ? 1 : data.reading === "both_ways" || !this.attends ? this.S + 1 : this.S;
    this.steps = this.reading + this.T + 1;
    this.box = element("article", {class: "lane"});
    this.title = element("h3", {}, data.name);
    this.caption = element("p", {class: "caption"});
    this.svg = svgElement("svg", {role: "img"});
    this.box.append(this.title, element("p", {class: "lane-about"}, data.about), this.caption, this.svg);
    this.svg.addEventListener("pointermove", event => this.peek(event));
    this.svg.addEventListener("pointerleave", () => this.peek(null));
    this.now = 0;
  }

  weight(t, s) { return this.weights[t * this.S + s]; }

  /** What happens at a step. */
  at(step) {
    if (step === 0) return {phase: "start"};
    if (step < this.reading || (step === this.reading && this.data.reading === "forward" && this.attends))
      return {phase: "read", i: step - 1};
    if (step === this.reading)
      return {phase: this.data.reading === "at_once" ? "at_once" : this.attends ? "again" : "travel"};
    if (step <= this.reading + this.T) return {phase: "write", i: step - this.reading - 1};
    return {phase: "done"};
  }

  // --- what is drawn once

  layout(width) {
    const {svg, S, T} = this, phone = width < 430, font = `${phone ? 13 : 15}px ${palette.font}`;
    this.row = Math.max(S, T) > 20 ? 22 : phone || Math.max(S, T) > 12 ? 26 : 30;
    this.bar = Math.round(this.row * 0.5);
    this.cell = phone ? 4 : width < 560 ? 5 : 7;
    const columns = this.data.states ? this.data.states.shape[1] : 8, strip = 8 * this.cell;
    this.columns = columns;
    const wide = texts => Math.ceil(Math.min(widest(texts, font) + 10, width * 0.25));
    const source = this.data.source.map(visible), sourceWidth = wide(source),
          wordWidth = wide([...this.words, "writes"]);
    const x = this.x = {source: sourceWidth, state: sourceWidth + 6, strip};
    x.lineFrom = x.state + strip + 5;
    x.word = width - wordWidth;
    x.decoder = x.word - 8 - strip;
    const separate = this.attends && this.data.contexts;
    x.context = separate ? x.decoder - strip - (phone ? 8 : 16) : Math.round((x.lineFrom + x.decoder - strip) / 2);
    x.lineTo = (separate ? x.context : x.decoder) - 5;
    const height = kRise + Math.max(S, T) * this.row + 4;
    for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]])
      svg.setAttribute(name, value);
    svg.style.font = font;
    svg.classList.toggle("unsaid", !this.data.states);
    svg.replaceChildren();
    this.drawHeadings();
    this.poster = svgElement("g", {class: "poster"});
    this.curves = svgElement("g", {class: "curves"});
    svg.append(this.poster, this.curves);
    this.drawSource(source, font);
    this.drawTarget(font);
    this.drawPoster();
    this.show(this.now, false);
  }

  drawHeadings() {
    const {x} = this,
          heading = (text, at, anchor) =>
              this.svg.append(svgElement("text", {class: "heading", x: at, y: 13, "text-anchor": anchor}, text));
    heading("reads", x.source - 2, "end");
    heading("states", x.state, "start");
    if (this.data.contexts || !this.attends) heading("context", x.context + x.strip / 2, "middle");
    heading("state", x.decoder + x.strip / 2, "middle");
    heading("writes", x.word + 5, "start");
  }

  y(i) { return kRise + (i + 0.5) * this.row; }

  /** A strip of cells at (x, y of a row), as a group that can move. */
  strip(columns) {
    const group = svgElement("g", {class: "state"}), width = this.x.strip / columns;
    for (let k = 0; k < columns; ++k)
      group.append(svgElement(
          "rect", {x: (k * width).toFixed(2), y: -this.bar / 2, width: (width - 0.6).toFixed(2), height: this.bar}));
    group.append(svgElement(
        "rect",
        {class: "frame", x: -1.5, y: -this.bar / 2 - 1.5, width: this.x.strip + 2.4, height: this.bar + 3, rx: 3}));
    return group;
  }

  place(group, x, y) { group.style.transform = `translate(${x}px, ${y}px)`; }

  /** Colours a strip by a row of a tensor, from column `from` to `to`; the others stay empty. */
  fill(group, tensor, row, from = 0, to = Infinity) {
    const columns = group.children.length - 1;
    for (let k = 0; k < columns; ++k) {
      const shown = tensor && k >= from && k < to && k < tensor.shape[1];
      group.children[k].style.fill =
          shown ? stateColour(numbers(tensor)[row * tensor.shape[1] + k] / this.largest(tensor)) : "";
    }
  }

  /** What scales a tensor's numbers to [-1, 1]. */
  largest(tensor) {
    tensor.largest ??= Math.max(1e-9, ...numbers(tensor).map(Math.abs));
    return tensor.largest;
  }

  arrow(x, from, to) {
    const tip = to > from ? -3 : 3;
    return svgElement(
        "path", {class: "arrow", d: `M${x} ${from}V${to}M${x - 2.5} ${to + tip}L${x} ${to}L${x + 2.5} ${to + tip}`});
  }

  drawSource(words, font) {
    const {x, S} = this, recurrent = this.data.reading !== "at_once";
    const gap = this.bar / 2 + 2.5;
    this.source = words.map((word, s) => {
      const group = svgElement("g", {class: "word"});
      group.append(
          svgElement("rect", {x: 0, y: this.y(s) - this.row / 2 + 2, width: x.source, height: this.row - 4, rx: 4}),
          svgElement("text", {x: x.source - 5, y: this.y(s), "text-anchor": "end"}, fitted(word, x.source - 8, font)));
      if (isUnknown(this.data.source[s])) group.classList.add("unknown-token");
      return group;
    });
    this.states = words.map((_, s) => {
      const group = this.strip(this.columns);
      this.place(group, x.state, this.y(s));
      return group;
    });
    this.arrows = recurrent && this.attends ?
        words.slice(1).map((_, s) => this.arrow(x.state + x.strip * 0.25, this.y(s) + gap, this.y(s + 1) - gap)) :
        [];
    this.arrowsBack = this.data.reading === "both_ways" && this.attends ?
        words.slice(1).map((_, s) => this.arrow(x.state + x.strip * 0.75, this.y(s + 1) - gap, this.y(s) + gap)) :
        [];
    this.shares =
        words.map((_, s) => svgElement("text", {class: "share", x: x.lineFrom + 3, y: this.y(s) - this.row * 0.26}));
    this.svg.append(...this.arrows, ...this.arrowsBack, ...this.states, ...this.source);
    if (!this.attends) {
      this.traveller = this.strip(this.columns);
      this.traveller.classList.add("traveller");
      this.way = svgElement(
          "path", {class: "way", d: this.curve([x.lineFrom, this.y(S - 1)], [x.context - 5, this.middle()])});
      this.svg.append(this.way, this.traveller);
    }
  }

  drawTarget(font) {
    const {x, T} = this, gap = this.bar / 2 + 2.5;
    this.contexts = this.attends && this.data.contexts ? this.words.map((_, t) => {
      const group = this.strip(this.columns);
      group.classList.add("written");
      this.place(group, x.context, this.y(t));
      this.fill(group, this.data.contexts, t);
      return group;
    }) :
                                                         [];
    this.decoder = this.words.map((_, t) => {
      const group = this.strip(this.columns);
      group.classList.add("written");
      this.place(group, x.decoder, this.y(t));
      if (this.data.decoder) this.fill(group, this.data.decoder, t);
      return group;
    });
    this.decoderArrows = this.data.reading === "at_once" ?
        [] :
        this.words.slice(1).map((_, t) => this.arrow(x.decoder + x.strip / 2, this.y(t) + gap, this.y(t + 1) - gap));
    this.across = this.contexts.map(
        (_, t) => svgElement("path", {class: "arrow", d: `M${x.context + x.strip + 3} ${this.y(t)}H${x.decoder - 3}`}));
    this.target = this.words.map((word, t) => {
      const group = svgElement("g", {class: "word", "data-row": t});
      group.append(
          svgElement("rect", {
            x: x.word,
            y: this.y(t) - this.row / 2 + 2,
            width: this.svg.width.baseVal.value - x.word,
            height: this.row - 4,
            rx: 4
          }),
          svgElement(
              "text", {x: x.word + 5, y: this.y(t)}, fitted(word, this.svg.width.baseVal.value - x.word - 8, font)));
      return group;
    });
    this.svg.append(
        ...this.across, ...this.decoderArrows, ...this.contexts, ...this.decoder, ...this.target, ...this.shares);
  }

  curve(from, to) {
    const [x0, y0] = from, [x1, y1] = to, bend = (x1 - x0) * 0.45;
    return `M${x0} ${y0.toFixed(1)}C${(x0 + bend).toFixed(1)} ${y0.toFixed(1)} ${(x1 - bend).toFixed(1)} ${
        y1.toFixed(1)} ${x1} ${y1.toFixed(1)}`;
  }

  /** The lines to row t: [path, strength, source word]. */
  curvesTo(t) {
    const {x} = this;
    if (!this.attends)
      return [[this.curve([x.context + x.strip + 4, this.middle()], [x.decoder - 5, this.y(t)]), 1, null]];
    return this.data.source
        .map((_, s) => [this.curve([x.lineFrom, this.y(s)], [x.lineTo, this.y(t)]), strength(this.weight(t, s)), s])
        .filter(([, , s]) => this.weight(t, s) >= 0.005);
  }

  middle() { return this.y((this.T - 1) / 2); }

  /** The lines to every row, which stay behind faintly as the words are written, and are the picture at the end. */
  drawPoster() {
    for (let t = 0; t < this.T; ++t) {
      const row = svgElement("g");
      for (const [d, strong] of this.curvesTo(t).filter(([, strong]) => strong > 0.14))
        row.append(svgElement(
            "path", {d, "stroke-width": (0.5 + 3.5 * strong).toFixed(2), "stroke-opacity": (0.8 * strong).toFixed(3)}));
      this.poster.append(row);
    }
  }

  // --- what a step changes

  show(step, moving) {
    this.now = Math.min(step, this.steps);
    const {phase, i} = this.at(this.now), read = this.wordsRead(), written = this.wordsWritten();
    const stacked = this.attends ? read : 0;
    this.svg.classList.toggle("done", phase === "done");
    this.source.forEach((word, s) => {
      word.classList.toggle("waiting", s >= read);
      word.classList.toggle("current", phase === "read" && s === i);
    });
    this.states.forEach((state, s) => {
      state.classList.toggle("gone", !this.attends && s < read);
      state.classList.toggle("empty", s >= stacked);
      if (s < stacked)
        this.fill(
            state, this.data.states, s, 0,
            this.now < this.reading && this.data.reading === "both_ways" ? this.columns / 2 : Infinity);
      else
        this.fill(state, null, s);
    });
    this.arrows.forEach((arrow, s) => arrow.classList.toggle("empty", s + 1 >= read));
    this.arrowsBack.forEach(arrow => arrow.classList.toggle("empty", this.now < this.reading));
    if (this.traveller) this.moveTraveller(read);
    [this.contexts, this.decoder, this.target].forEach(all => all.forEach((group, t) => {
      group.classList.toggle("empty", t >= written);
      group.classList.toggle("current", phase === "write" && t === i);
      group.classList.toggle("past", phase === "write" && t < i);
    }));
    this.across.forEach((arrow, t) => arrow.classList.toggle("empty", t >= written));
    this.decoderArrows.forEach((arrow, t) => arrow.classList.toggle("empty", t + 1 >= written));
    [...this.poster.children].forEach(
        (row, t) => row.classList.toggle("empty", t >= written || (phase === "write" && t === i)));
    this.drawCurves(phase === "write" ? i : null, moving);
    this.caption.textContent = this.sentence(phase, i);
    this.svg.setAttribute("aria-label", `${this.data.name}: ${this.caption.textContent}`);
  }

  wordsRead() { return this.data.reading === "at_once" ? (this.now > 0 ? this.S : 0) : Math.min(this.now, this.S); }
  wordsWritten() { return Math.max(0, Math.min(this.T, this.now - this.reading)); }

  moveTraveller(read) {
    const {x, traveller} = this, arrived = this.now >= this.reading;
    traveller.classList.toggle("empty", read === 0);
    this.way.classList.toggle("empty", !arrived);
    this.fill(traveller, this.data.states, Math.max(0, read - 1));
    this.place(traveller, arrived ? x.context : x.state, arrived ? this.middle() : this.y(Math.max(0, read - 1)));
  }

  /** The lines to row t alone, and what they weigh at the words that they come from. */
  drawCurves(t, moving) {
    this.curves.replaceChildren();
    this.shares.forEach(text => {
      text.textContent = "";
    });
    this.source.forEach(word => {
      word.children[0].style.fill = word.children[1].style.fill = "";
    });
    if (t === null) return;
    for (const [d, strong, s] of this.curvesTo(t)) {
      const path = svgElement(
          "path",
          {d, pathLength: 1, "stroke-width": (0.6 + 5 * strong).toFixed(2), "stroke-opacity": strong.toFixed(3)});
      if (s !== null) path.dataset.weight = this.weight(t, s);
      this.curves.append(path);
      if (moving) path.animate({strokeDasharray: ["0 1", "1 0"]}, {duration: 550, easing: "ease-in-out"});
      if (s === null) continue;
      const w = this.weight(t, s), rgb = shade(w), [box, text] = this.source[s].children;
      box.style.fill = css(rgb);
      text.style.fill = textOn(rgb);
      if (w >= 0.095) this.shares[s].textContent = w.toFixed(2);
    }
  }

  /** Pointing at a word that is written shows where it came from. */
  peek(event) {
    const word = event && event.target.closest("g.word[data-row]"), t = word ? Number(word.dataset.row) : null;
    const row = t !== null && t < this.wordsWritten() ? t : null;
    if (row === (this.peeking ?? null)) return;
    this.peeking = row;
    this.svg.classList.toggle("peeking", row !== null);
    const {phase, i} = this.at(this.now);
    this.target.forEach((group, r) => group.classList.toggle("peeked", r === row));
    this.drawCurves(row ?? (phase === "write" ? i : null), false);
    this.caption.textContent = row !== null ? this.sentence("write", row) : this.sentence(phase, i);
  }

  // --- what is said

  looks(t) {
    const row = Array.from({length: this.S}, (_, s) => this.weight(t, s));
    return largest(row, 3)
        .filter(([, w], rank) => rank === 0 || w >= 0.05)
        .map(([s, w]) => `${quoted(this.data.source[s])} ${w.toFixed(2)}`)
        .join(", ");
  }

  sentence(phase, i) {
    const {S, data} = this, last = i === this.T - 1 && /^<.*>$/.test(this.words[i] ?? "");
    const numbersSaid = data.width ? `${data.width} numbers` : "numbers";
    switch (phase) {
      case "start":
        return `${counted(S, "word")} ${S === 1 ? "waits" : "wait"} to be read.`;
      case "read":
        return this.attends ? `Reads ${quoted(data.source[i])}: its state joins the stack, ${i + 1} of ${S}.` :
                              `Reads ${quoted(data.source[i])} into its one state${i ? ", over what was there" : ""}.`;
      case "again":
        return "Reads again from the end: now each state knows both sides.";
      case "at_once":
        return S === 1 ? "Reads the one word." : `Reads all ${S} words at once: each has looked at every other.`;
      case "travel":
        return `Only the last state travels: ${numbersSaid} for ${counted(S, "word")}.`;
      case "write":
        if (this.attends)
          return `${last ? "Writes the end mark" : `Writes ${quoted(data.written[i])}`}, looking at ${this.looks(i)}.`;
        return `${
            this.scheme ? `Would write word ${i + 1}` :
                last ? "Writes the end mark" :
                       `Writes ${quoted(data.written[i])}`} from the same ${numbersSaid}.`;
      default:
        return this.attends ? `Done: each word looked back at ${S === 1 ? "the one state" : `all ${S} states`}.` :
            `Done: everything passed through the same ${numbersSaid}.`;
    }
  }
}
