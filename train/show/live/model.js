// Heed's models run in the page: the same formulas, number by number, over lists of numbers. Weights are f16; sums are
// f64. What a step saw is kept, so that the page can show it, and a reader may put attention where he wants it.

/** The number of 16 bits. */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** {shape, f16 or f32: base64} -> {shape, data}. */
function tensorOf(stored) {
  if (stored.f32) return {shape: stored.shape, data: numbersOf(stored)};
  const bytes = atob(stored.f16), data = new Float32Array(bytes.length / 2);
  for (let i = 0; i < data.length; ++i) data[i] = fromHalf(bytes.charCodeAt(2 * i) | bytes.charCodeAt(2 * i + 1) << 8);
  return {shape: stored.shape, data};
}

/** A snapshot's weights by name, decoded at first use: weights(name) is undefined for what the model has not. */
function weightsOf(snapshot) {
  const known = new Map();
  return name => {
    if (!known.has(name)) known.set(name, name in snapshot.tensors ? tensorOf(snapshot.tensors[name]) : undefined);
    return known.get(name);
  };
}

// --- a few operations

function linear(x, {shape: [rows, columns], data}, bias, first = 0) {
  const y = new Float64Array(rows);
  for (let o = 0, k = first * columns; o < rows; ++o) {
    let sum = bias ? bias.data[first + o] : 0;
    for (let i = 0; i < columns; ++i) sum += data[k++] * x[i];
    y[o] = sum;
  }
  return y;
}
function rowOf({shape: [, columns], data}, i) {
  return Float64Array.from(data.subarray(i * columns, (i + 1) * columns));
}
function joined(...parts) { return Float64Array.from(parts.flatMap(part => [...part])); }
function plus(a, b) { return a.map((x, i) => x + b[i]); }
function dot(a, b, from = 0, to = a.length, shift = 0) {
  let sum = 0;
  for (let i = from; i < to; ++i) sum += a[i] * b[i + shift];
  return sum;
}
function sigmoid(x) { return 1 / (1 + Math.exp(-x)); }
function softmax(scores) {
  const largest = Math.max(...scores), e = Array.from(scores, x => Math.exp(x - largest)),
        sum = e.reduce((a, b) => a + b, 0);
  return e.map(x => x / sum);
}
/** The error function, to 1.2e-7 (Numerical Recipes, erfc by a Chebyshev fit). */
function erf(x) {
  const t = 1 / (1 + Math.abs(x) / 2), c = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277
  ];
  const y = 1 - t * Math.exp(-x * x + c.reduceRight((sum, a) => sum * t + a, 0));
  return x < 0 ? -y : y;
}
function layerNorm(x, weight, bias, eps) {
  let mean = 0, variance = 0;
  for (const a of x) mean += a / x.length;
  for (const a of x) variance += (a - mean) ** 2 / x.length;
  const scale = 1 / Math.sqrt(variance + eps);
  return x.map((a, i) => (a - mean) * scale * (weight ? weight.data[i] : 1) + (bias ? bias.data[i] : 0));
}
function rmsNorm(x, weight, eps) {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + eps);
  return x.map((a, i) => a * scale * (weight ? weight.data[i] : 1));
}
/** The sum of some vectors, each times its share. */
function mixed(shares, vectors, from = 0, to = vectors[0].length) {
  const sum = new Float64Array(to - from);
  shares.forEach((share, s) => {
    if (share)
      for (let i = from; i < to; ++i) sum[i - from] += share * vectors[s][i];
  });
  return sum;
}
function best(numbers) {
  let at = 0;
  for (let i = 1; i < numbers.length; ++i)
    if (numbers[i] > numbers[at]) at = i;
  return at;
}

/** The shares that a reader asks for at a step, or the model's own. `how`: {forced: {step: word}, even}. */
function obeyed(own, how, t) {
  if (how.forced && t in how.forced && how.forced[t] < own.length)
    return own.map((_, s) => Number(s === how.forced[t]));
  return how.even ? own.map(() => 1 / own.length) : own;
}

// --- the encoder-decoder with attention (Bahdanau et al. 2014)

/** One step of an RNN, LSTM or GRU, by PyTorch's equations. state: {h, c}. */
function cellStep(cell, weights, prefix, suffix, x, {h, c}) {
  const a = linear(x, weights(`${prefix}weight_ih${suffix}`), weights(`${prefix}bias_ih${suffix}`));
  const b = linear(h, weights(`${prefix}weight_hh${suffix}`), weights(`${prefix}bias_hh${suffix}`)), H = h.length;
  const gate = (k, i) => a[k * H + i] + b[k * H + i];
  if (cell === "gru")
    return {
      h: h.map((old, i) => {
        const r = sigmoid(gate(0, i)), z = sigmoid(gate(1, i)), n = Math.tanh(a[2 * H + i] + r * b[2 * H + i]);
        return (1 - z) * n + z * old;
      })
    };
  if (cell === "lstm") {
    const next = c.map((old, i) => sigmoid(gate(1, i)) * old + sigmoid(gate(0, i)) * Math.tanh(gate(2, i)));
    return {h: next.map((x, i) => sigmoid(gate(3, i)) * Math.tanh(x)), c: next};
  }
  return {h: h.map((_, i) => cell === "rnn_relu" ? Math.max(0, gate(0, i)) : Math.tanh(gate(0, i)))};
}

class Seq2Seq {
  constructor(config, weights) { Object.assign(this, {config, weights}); }

  read(ids) {
    const {weights, config: {cell, hidden}} = this,
                                   zero = () => ({h: new Float64Array(hidden), c: new Float64Array(hidden)});
    const embedded = ids.map(id => rowOf(weights("source_embedding.weight"), id)), S = ids.length;
    const forward = [], backward = [];
    let state = zero(), last = zero();
    for (let s = 0; s < S; ++s) forward[s] = state = cellStep(cell, weights, "encoder.", "_l0", embedded[s], state);
    for (let s = S - 1; s >= 0; --s)
      backward[s] = last = cellStep(cell, weights, "encoder.", "_l0_reverse", embedded[s], last);
    const states = ids.map((_, s) => joined(forward[s].h, backward[s].h));
    const first = {h: linear(last.h, weights("bridge.weight"), weights("bridge.bias")).map(Math.tanh)};
    if (cell === "lstm")
      first.c = linear(last.c, weights("bridge_cell.weight"), weights("bridge_cell.bias")).map(Math.tanh);
    return {states, keys: states.map(h => linear(h, weights("attention.U.weight"))), state: first};
  }

  /** One step of the decoder: what it looked at, what it mixed, and the probabilities of the next word. */
  step(source, id, t, how) {
    const {weights, config: {cell}} = this, embedded = rowOf(weights("target_embedding.weight"), id);
    const query = linear(source.state.h, weights("attention.W.weight")), v = weights("attention.v").data;
    const scores = source.keys.map(key => {
      let e = 0;
      for (let i = 0; i < v.length; ++i) e += v[i] * Math.tanh(query[i] + key[i]);
      return e;
    });
    const own = softmax(scores), shares = obeyed(own, how, t), context = mixed(shares, source.states);
    source.state = cellStep(cell, weights, "decoder.", "", joined(embedded, context), source.state);
    const logits = linear(joined(source.state.h, context, embedded), weights("output.weight"), weights("output.bias"));
    return {shares, own, scores, context, probabilities: softmax(logits)};
  }
}

// --- the Transformer (Vaswani et al. 2017)

class Transformer {
  constructor(config, weights) { Object.assign(this, {config, weights}); }

  norm(prefix, x) {
    return layerNorm(x, this.weights(`${prefix}.norm.weight`), this.weights(`${prefix}.norm.bias`), 1e-5);
  }
  residual(prefix, x, sublayer) {
    return this.config.pre_norm ? plus(x, sublayer(this.norm(prefix, x))) : this.norm(prefix, plus(x, sublayer(x)));
  }
  /** A word's vector and its place's: a trained one, or sines and cosines. `side`: source or target. */
  embed(side, id, at) {
    const {channels: C, learned_positions} = this.config,
                        learned = learned_positions ? rowOf(this.weights(`${side}_positions.weight`), at) : null;
    const turn = i => at * 10000 ** (-(i - i % 2) / C),
          place = i => learned ? learned[i] :
        i % 2                  ? Math.cos(turn(i)) :
                                 Math.sin(turn(i));
    return rowOf(this.table(side), id).map((x, i) => x * Math.sqrt(C) + place(i));
  }
  table(side) {
    return this.weights(this.config.shared_embedding ? "source_embedding.weight" : `${side}_embedding.weight`);
  }
  project(prefix, name, x) { return linear(x, this.weights(`${prefix}.${name}.weight`)); }

  /** The heads' mixtures, joined and projected. `seen` gets each head's shares; `asked` may change them. */
  attend(prefix, x, keys, values, seen, asked = shares => shares) {
    const {heads, channels} = this.config, D = channels / heads, q = this.project(prefix, "W_query", x),
                  out = new Float64Array(channels);
    for (let h = 0; h < heads; ++h) {
      const scores = keys.map(key => dot(q, key, h * D, (h + 1) * D) / Math.sqrt(D)), own = softmax(scores),
            shares = asked(own);
      seen.push({shares, own, scores});
      out.set(mixed(shares, values, h * D, (h + 1) * D), h * D);
    }
    return this.project(prefix, "out_proj", out);
  }
  feedforward(prefix, x) {
    const inside = linear(x, this.weights(`${prefix}.linear1.weight`), this.weights(`${prefix}.linear1.bias`))
                       .map(a => Math.max(0, a));
    return linear(inside, this.weights(`${prefix}.linear2.weight`), this.weights(`${prefix}.linear2.bias`));
  }

  read(ids) {
    const {config, weights} = this;
    let xs = ids.map((id, s) => this.embed("source", id, s));
    for (let l = 0; l < config.layers; ++l) {
      const p = `encoder.layers.${l}`, into = config.pre_norm ? xs.map(x => this.norm(`${p}.norm1`, x)) : xs;
      const keys = into.map(x => this.project(`${p}.self_attn`, "W_key", x)),
            values = into.map(x => this.project(`${p}.self_attn`, "W_value", x));
      xs = xs.map(x => this.residual(`${p}.norm1`, x, y => this.attend(`${p}.self_attn`, y, keys, values, [])))
               .map(x => this.residual(`${p}.norm2`, x, y => this.feedforward(p, y)));
    }
    if (config.pre_norm)
      xs = xs.map(x => layerNorm(x, weights("encoder.norm.weight"), weights("encoder.norm.bias"), 1e-5));
    const layers = Array.from({length: config.layers}, (_, l) => {
      const p = `decoder.layers.${l}.cross_attn`;
      return {
        keys: xs.map(x => this.project(p, "W_key", x)),
        values: xs.map(x => this.project(p, "W_value", x)),
        written: [],
        writtenValues: []
      };
    });
    return {states: xs, layers};
  }

  /** Where attention is put by hand, all heads of all layers look there. */
  step(source, id, t, how) {
    const {config, weights} = this;
    let x = this.embed("target", id, t), last = [];
    for (let l = 0; l < config.layers; ++l) {
      const p = `decoder.layers.${l}`, {keys, values, written, writtenValues} = source.layers[l];
      x = this.residual(`${p}.norm1`, x, y => {
        written.push(this.project(`${p}.self_attn`, "W_key", y));
        writtenValues.push(this.project(`${p}.self_attn`, "W_value", y));
        return this.attend(`${p}.self_attn`, y, written, writtenValues, []);
      });
      last = [];
      x = this.residual(
          `${p}.norm2`, x, y => this.attend(`${p}.cross_attn`, y, keys, values, last, own => obeyed(own, how, t)));
      x = this.residual(`${p}.norm3`, x, y => this.feedforward(p, y));
    }
    if (config.pre_norm) x = layerNorm(x, weights("decoder.norm.weight"), weights("decoder.norm.bias"), 1e-5);
    const mean = name => last[0][name].map((_, s) => last.reduce((sum, head) => sum + head[name][s], 0) / last.length);
    const logits = linear(x, config.tied_output ? this.table("target") : weights("output.weight"));
    return {
      shares: mean("shares"),
      own: mean("own"),
      scores: mean("scores"),
      context: x,
      probabilities: softmax(logits)
    };
  }
}

/** Greedily: the steps until the end token, each with the id that it wrote. */
function translated(model, ids, {begin, end, most}, how = {}) {
  const source = model.read(ids), steps = [];
  for (let t = 0, id = begin; t < most; ++t) {
    const step = model.step(source, id, t, how);
    id = best(step.probabilities);
    steps.push({...step, id, p: step.probabilities[id]});
    if (id === end) break;
  }
  return {steps, states: source.states};
}

// --- a GPT, from GPT-2's blocks to today's

class Gpt {
  constructor(config, weights) {
    Object.assign(this, {config, weights});
    this.reset();
  }
  reset() {
    this.layers = Array.from({length: this.config.layers}, () => ({keys: [], values: []}));
    this.length = 0;
  }

  norm(name, x) {
    const {norm, eps} = this.config, weight = this.weights(`${name}.weight`);
    return norm === "layer" ? layerNorm(x, weight, this.weights(`${name}.bias`), eps) : rmsNorm(x, weight, eps);
  }
  /** One head's part of a vector, normed and turned as the model does with queries and keys. */
  placed(x, weight) {
    const {config} = this;
    let y = config.qk_norm === "none" ? x : rmsNorm(x, weight, config.eps);
    if (config.positions !== "rope") return y;
    const cos = rowOf(this.weights("rope.cos"), this.length), sin = rowOf(this.weights("rope.sin"), this.length),
          pairs = cos.length;
    y = Float64Array.from(y);
    for (let i = 0; i < pairs; ++i) {
      const [u, v] = [y[i], y[i + pairs]];
      y[i] = u * cos[i] - v * sin[i];
      y[i + pairs] = u * sin[i] + v * cos[i];
    }
    return y;
  }
  mlp(name, x) {
    const {mlp, gelu} = this.config,
                y = linear(x, this.weights(`${name}.c_fc.weight`), this.weights(`${name}.c_fc.bias`)),
                half = y.length / 2;
    const inside = mlp === "swiglu" ? y.slice(0, half).map((a, i) => a * sigmoid(a) * y[half + i]) :
        mlp === "relu2"             ? y.map(a => Math.max(0, a) ** 2) :
        gelu === "erf"              ? y.map(a => a / 2 * (1 + erf(a / Math.SQRT2))) :
                         y.map(a => a / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a ** 3))));
    return linear(inside, this.weights(`${name}.c_proj.weight`), this.weights(`${name}.c_proj.bias`));
  }

  /** Reads a token: logits of the next, and of each layer and head {query, scores, shares}. Heads in `off`, such as
      "0.3", give nothing. */
  read(id, off = new Set()) {
    const {config, weights} = this, {heads, kv_heads: K, head_size: D} = config, seen = [];
    let x = rowOf(weights("wte.weight"), id);
    if (config.positions === "learned") x = plus(x, rowOf(weights("wpe.weight"), this.length));
    if (config.norm_embedding) x = rmsNorm(x, undefined, config.eps);
    for (let l = 0; l < config.layers; ++l) {
      const p = `h.${l}.`, {keys, values} = this.layers[l];
      const qkv = linear(this.norm(p + "ln_1", x), weights(p + "attn.c_attn.weight"), weights(p + "attn.c_attn.bias"));
      const part = k => qkv.slice(k * D, (k + 1) * D), joinedHeads = new Float64Array(heads * D), looks = [];
      keys.push(Array.from({length: K}, (_, k) => this.placed(part(heads + k), weights(p + "attn.k_norm.weight"))));
      values.push(Array.from({length: K}, (_, k) => part(heads + K + k)));
      for (let h = 0; h < heads; ++h) {
        const k = Math.floor(h * K / heads), query = this.placed(part(h), weights(p + "attn.q_norm.weight"));
        const out = this.length - config.window, hidden = s => config.window > 0 && s <= out;  // length will have grown
        const products = keys.map(key => dot(query, key[k]));
        const shares = softmax(products.map((x, s) => hidden(s) ? -Infinity : x / Math.sqrt(D)));
        looks.push({query, keys: keys.map(key => key[k]), products, shares, hidden});
        if (!off.has(`${l}.${h}`)) joinedHeads.set(mixed(shares, values.map(value => value[k])), h * D);
      }
      seen.push(looks);
      x = plus(x, linear(joinedHeads, weights(p + "attn.c_proj.weight"), weights(p + "attn.c_proj.bias")));
      x = plus(x, this.mlp(p + "mlp", this.norm(p + "ln_2", x)));
    }
    ++this.length;
    const logits = linear(this.norm("ln_f", x), config.tied ? weights("wte.weight") : weights("lm_head.weight"));
    return {
      logits: config.softcap > 0 ? logits.map(a => Math.tanh(a / config.softcap) * config.softcap) : logits,
      seen
    };
  }
}

/** What heed's sampling makes of logits: temperature 0 takes the likeliest; only the k largest remain. */
function sampled(logits, temperature, k) {
  if (temperature === 0) {
    const at = best(logits);
    return Array.from(logits, (_, i) => Number(i === at));
  }
  const kth = k < logits.length ? Float64Array.from(logits).sort()[logits.length - k] : -Infinity;
  return softmax(Array.from(logits, x => x < kth ? -Infinity : x / temperature));
}
