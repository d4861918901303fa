// Letters that are rubbed out of words, and how they stand in an address: 3.0-1_5.4 are the first
// two letters of the fourth word, and the fifth of the sixth.

/** Rubs a letter out, or writes it again. */
export function toggled(rubbed, word, letter) {
  const next = new Map(rubbed), letters = new Set(next.get(word));
  if (!letters.delete(letter)) letters.add(letter);
  if (letters.size) next.set(word, letters);
  else next.delete(word);
  return next;
}

/** The words without the letters that are rubbed out; of a word that is all gone one dash is left. */
export function without(words, rubbed) {
  return words.map((word, at) => {
    const gone = rubbed.get(at);
    if (!gone) return word;
    return [...word].filter((_, i) => !gone.has(i)).join("") || "-";
  });
}

export const rubbedText = (rubbed) =>
  [...rubbed].map(([word, letters]) => `${word}.${[...letters].sort((a, b) => a - b).join("-")}`).join("_");

/** What stands in an address; what is damaged or beyond the words is left out. */
export function readRubbed(text, words) {
  const rubbed = new Map();
  for (const part of (text ?? "").split("_")) {
    const [, word, letters] = /^(\d{1,3})\.(\d{1,2}(?:-\d{1,2})*)$/.exec(part) ?? [];
    if (words[word] === undefined) continue;
    const inside = letters.split("-").map(Number).filter((i) => i < [...words[word]].length);
    if (inside.length) rubbed.set(Number(word), new Set(inside));
  }
  return rubbed;
}
