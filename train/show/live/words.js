// Sentences as the translators read them, as heed::train::tokenize makes them: lower case, marks apart.

const kElided =
    new Set(["l", "d", "j", "n", "c", "s", "m", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "quelqu", "presqu"]);

function wordsOf(raw) {
  const points = [...raw.replace(/\u2019/g, "'").toLowerCase()], words = [], isWord = c => /[\p{L}\p{M}\p{N}]/u.test(c);
  let word = "";
  const finish = () => {
    if (word) words.push(word);
    word = "";
  };
  points.forEach((c, i) => {
    const next = points[i + 1] ?? " ", inside = word !== "" && isWord(next);
    if (/\s/u.test(c))
      finish();
    else if (isWord(c) || (c === "-" && inside) || (c === "'" && inside && word === "aujourd"))
      word += c;
    else if (c === "'" && kElided.has(word)) {
      word += c;
      finish();
    } else {
      finish();
      word = c;
      if (c !== "'" || !isWord(next)) finish();
    }
  });
  finish();
  return words;
}
