// Byte pairs as heed::train::Bpe cuts and merges them, which is GPT-2's way, from what a tokenizer.json says.

const kCuts = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** The character by which tokenizer.json writes each byte. */
const kByteCharacters = (() => {
  let next = 256;
  const plain = b => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  return Array.from({length: 256}, (_, b) => String.fromCharCode(plain(b) ? b : next++));
})();

class Pieces {
  constructor({vocab, merges, special}) {
    this.ids = new Map(Object.entries(vocab));
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    this.special = special;  // [text, id, normalized], the longest first
    const bytes = new Map(kByteCharacters.map((c, b) => [c, b]));
    this.bytes = [];  // of each id
    for (const [text, id] of this.ids) this.bytes[id] = Uint8Array.from(text, c => bytes.get(c));
    for (const [text, id] of special) this.bytes[id] = new TextEncoder().encode(text);
  }

  /** Normalized special tokens are cut out of what the others leave. */
  encode(text, normalized = false) {
    let first = null;
    for (const [name, id, kind] of this.special) {
      const at = kind === normalized ? text.indexOf(name) : -1;
      if (at >= 0 && !(first?.at <= at)) first = {at, id, end: at + name.length};
    }
    const rest = part => this.encode(part, normalized);
    if (first) return [...rest(text.slice(0, first.at)), first.id, ...rest(text.slice(first.end))];
    if (!normalized) return this.encode(text, true);
    return (text.match(kCuts) ?? []).flatMap(piece => this.merged(piece));
  }

  /** The ids of a piece: the pair that was learnt first becomes one, until none is left. */
  merged(piece) {
    const parts = Array.from(new TextEncoder().encode(piece), b => kByteCharacters[b]);
    for (;;) {
      let first = -1, rank = Infinity;
      for (let i = 0; i + 1 < parts.length; ++i) {
        const found = this.ranks.get(`${parts[i]} ${parts[i + 1]}`);
        if (found < rank) [first, rank] = [i, found];
      }
      if (first < 0) return parts.map(part => this.ids.get(part));
      const [left, right] = [parts[first], parts[first + 1]];
      for (let i = 0; i + 1 < parts.length; ++i)
        if (parts[i] === left && parts[i + 1] === right) parts.splice(i, 2, left + right);
    }
  }

  decode(ids) { return new TextDecoder().decode(Uint8Array.from(ids.flatMap(id => [...(this.bytes[id] ?? [])]))); }
}

/** Of the page's source or target, or null where its names are the tokens. */
function piecesOf(tokens) { return tokens.pieces ? tokens.made ??= new Pieces(tokens.pieces) : null; }
