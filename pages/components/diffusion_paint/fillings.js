// What is made of several pictures of one thing. Pictures are numbers (H, W, C) in [-1, 1].

/** Bytes to numbers. */
export const toValues = (bytes) => Float32Array.from(bytes, (v) => 2 * Math.fround(v / 255) - 1);

/** Numbers to bytes, cut to their range. */
export const toBytes = (values) =>
  Uint8ClampedArray.from(values, (v) => Math.round(127.5 * (v + 1)));

/** A picture with the known pixels of another put in: `mask` (H, W) is 1 where they are missing. */
export function withKnown(values, picture, mask) {
  const channels = picture.length / mask.length;
  return values.map((v, i) => (mask[Math.floor(i / channels)] ? v : picture[i]));
}

/**
 * The mean of pictures and their spread, number by number: the standard deviation of a sample,
 * with n - 1; null of fewer than two.
 */
export function moments(pictures) {
  if (pictures.length < 2) return null;
  const length = pictures[0].length, n = pictures.length;
  const mean = new Float32Array(length), spread = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    let sum = 0;
    for (const picture of pictures) sum += picture[i];
    let squares = 0;
    for (const picture of pictures) squares += (picture[i] - sum / n) ** 2;
    mean[i] = sum / n;
    spread[i] = Math.sqrt(squares / (n - 1));
  }
  return { mean, spread };
}

/** A spread as a picture: black where all agree, white where one half is black and one white. */
export const shownSpread = (spread) => spread.map((v) => 2 * Math.min(1, v) - 1);

/**
 * How often each class is read, as a sentence; the most frequent first.
 * @param read the numbers of the classes that were read
 * @param what the pictures are
 */
export function readings(read, classes, what) {
  const counts = new Map();
  for (const k of read) counts.set(k, (counts.get(k) ?? 0) + 1);
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || a - b);
  const parts = sorted.map(([k, n], i) => `${n} ${i ? "as" : "read as"} ${classes[k]}`);
  return `Of ${read.length} ${what}: ${parts.join(", ")}.`;
}
