// Which pixels of a picture are missing: presets, a brush, and text for an address.
// A mask is bytes (H, W), 1 where a pixel is missing.

/** Masks to begin with, by their names in an address: whether a pixel of a picture is missing. */
export const PRESETS = {
  lower: (y, x, h) => y >= h / 2,
  upper: (y, x, h) => y < h / 2,
  middle: (y, x, h, w) => y >= h / 4 && y < 3 * h / 4 && x >= w / 4 && x < 3 * w / 4,
  second: (y, x) => (y + x) % 2 === 1,
};
export const MAX_LETTERS = 200; // of a mask in an address; more stays in the session
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BITS = 6; // of a letter

/** The mask of a preset. */
export function preset(name, h, w) {
  const missing = PRESETS[name];
  return Uint8Array.from({ length: h * w }, (_, i) =>
    Number(missing(Math.floor(i / w), i % w, h, w)));
}

/** How many pixels are missing. */
export const missing = (mask) => mask.reduce((sum, v) => sum + v, 0);

/**
 * Set the pixels whose middle lies within `radius` of the way between two places [x, y], in
 * pixels; the one under the end always. Says whether any has changed.
 */
export function paint(mask, [h, w], [from, to], radius, value) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]], length = dx * dx + dy * dy;
  const low = (k) => Math.max(0, Math.floor(Math.min(from[k], to[k]) - radius));
  const high = (k, most) => Math.min(most, Math.ceil(Math.max(from[k], to[k]) + radius) + 1);
  let changed = false;
  for (let y = low(1); y < high(1, h); y++) {
    for (let x = low(0); x < high(0, w); x++) {
      const [px, py] = [x + 0.5 - from[0], y + 0.5 - from[1]];
      const along = length && Math.min(1, Math.max(0, (px * dx + py * dy) / length));
      const under = Math.floor(to[0]) === x && Math.floor(to[1]) === y;
      const near = (px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius;
      if (!(near || under) || mask[y * w + x] === value) continue;
      mask[y * w + x] = value;
      changed = true;
    }
  }
  return changed;
}

/** The text of a mask for an address: a preset's name or six pixels a letter; null if too long. */
export function pack(mask, h, w) {
  const named = Object.keys(PRESETS).find((name) =>
    preset(name, h, w).every((v, i) => v === mask[i]));
  if (named) return named;
  const length = Math.ceil(mask.length / BITS);
  if (length > MAX_LETTERS) return null;
  let text = "";
  for (let i = 0; i < length; i++) {
    let letter = 0;
    for (let k = 0; k < BITS; k++) letter = 2 * letter + (mask[BITS * i + k] ?? 0);
    text += LETTERS[letter];
  }
  return text;
}

/** The mask of a text, which may be anything; null where it is none of this size. */
export function unpack(text, h, w) {
  if (typeof text !== "string") return null;
  if (Object.hasOwn(PRESETS, text)) return preset(text, h, w);
  if (text.length !== Math.ceil(h * w / BITS)) return null;
  const letters = Array.from(text, (letter) => LETTERS.indexOf(letter));
  if (letters.includes(-1)) return null;
  return Uint8Array.from({ length: h * w }, (_, i) =>
    (letters[Math.floor(i / BITS)] >> (BITS - 1 - (i % BITS))) & 1);
}
