// Digits that people draw become pictures as MNIST's are: light on dark, the longer side 20 of 28
// pixels, the centre of mass in the middle; the same numbers as core/digits.py gives.

const MIN_CONTRAST = 25; // of 255
const FAINT = 0.2;
const BOX = 20 / 28;

const { fround } = Math;

/** To the nearest whole number; halves go to the even one, as in Python. */
function rounded(v) {
  const low = Math.floor(v), over = v - low;
  return over < 0.5 || (over === 0.5 && low % 2 === 0) ? low : low + 1;
}

/**
 * The picture of a digit, bytes (side, side); null where nothing is drawn.
 * @param ink bytes (height, width): how opaque a canvas is that is transparent where nobody drew
 */
export function digitOf(ink, width, height, side) {
  const found = standingOut(ink, width, height);
  const box = found && boxOf(found, width, height);
  if (!box) return null;
  const [top, left, bottom, right] = box, h = bottom - top, w = right - left;
  const cut = new Float32Array(h * w);
  for (let y = 0; y < h; y++) {
    const from = (top + y) * width + left;
    cut.set(found.subarray(from, from + w), y * w);
  }
  const ratio = Math.max(1, rounded(side * BOX)) / Math.max(h, w);
  const [wide, high] = [w, h].map((length) => Math.max(1, rounded(length * ratio)));
  const small = resized(cut, w, h, wide, high);
  const most = small.reduce((a, b) => Math.max(a, b)); // thin lines fade when they shrink
  const rows = new Float64Array(high), columns = new Float64Array(wide);
  for (let i = 0; i < small.length; i++) {
    small[i] /= most;
    rows[Math.floor(i / wide)] += small[i];
    columns[i % wide] += small[i];
  }
  const y = place(rows, side), x = place(columns, side);
  const picture = new Uint8Array(side * side);
  for (let i = 0; i < small.length; i++) {
    const at = (y + Math.floor(i / wide)) * side + x + (i % wide);
    picture[at] = rounded(fround(small[i] * 255));
  }
  return picture;
}

/** What stands out from the one colour of the ground, 0 to 1; null where nothing does. */
function standingOut(ink, width, height) {
  const border = [...ink.subarray(0, width), ...ink.subarray(ink.length - width)];
  for (let i = 0; i < ink.length; i += width) border.push(ink[i], ink[i + width - 1]);
  border.sort((a, b) => a - b);
  const middle = border.length / 2;
  let paper = (border[Math.ceil(middle) - 1] + border[Math.floor(middle)]) / 2;
  let low = 255, high = 0;
  for (const v of ink) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const light = paper > (low + high) / 2; // then what is darker is drawn
  if (light) [paper, high] = [255 - paper, 255 - low];
  const contrast = high - paper;
  if (contrast < MIN_CONTRAST) return null;
  const found = new Float32Array(ink.length);
  for (let i = 0; i < ink.length; i++) {
    found[i] = fround((light ? 255 - ink[i] : ink[i]) - paper) / contrast;
    if (found[i] < FAINT) found[i] = 0;
  }
  return found;
}

function boxOf(found, width, height) {
  let top = height, left = width, bottom = 0, right = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!found[i]) continue;
      if (y < top) top = y;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      bottom = y + 1;
    }
  }
  return bottom ? [top, left, bottom, right] : null;
}

/** Resized as Pillow does it, with a triangle as wide as what becomes one pixel. */
function resized(values, width, height, wide, high) {
  const across = new Float32Array(height * wide), down = new Float32Array(high * wide);
  weighted(width, wide, (x, first, weights) => {
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += values[y * width + first + k] * weights[k];
      across[y * wide + x] = sum;
    }
  });
  weighted(height, high, (y, first, weights) => {
    for (let x = 0; x < wide; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += across[(first + k) * wide + x] * weights[k];
      down[y * wide + x] = sum;
    }
  });
  return down;
}

/** Call f(new pixel, first old pixel, weights) for each of `count` pixels that `length` become. */
function weighted(length, count, f) {
  const scale = length / count, support = Math.max(1, scale);
  for (let i = 0; i < count; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(length, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let k = first; k < last; k++) {
      weights.push(Math.max(0, 1 - Math.abs((k - centre + 0.5) / support)));
    }
    const sum = weights.reduce((a, b) => a + b);
    f(i, first, weights.map((w) => w / sum));
  }
}

/** Where a strip of `mass` begins so that its centre of mass is the picture's, all inside. */
function place(mass, side) {
  let sum = 0, moment = 0;
  mass.forEach((m, i) => ((sum += m), (moment += m * i)));
  return Math.min(Math.max(rounded(side / 2 - moment / sum), 0), side - mass.length);
}
