// A surface as a picture: shades and contour lines, evenly spaced on a logarithmic scale, for losses
// are large almost everywhere and small where it matters.

const LEVELS = 18;
const COARSE = 48; // places across at which the scale is found
const [LIGHT, DARK] = [
  [[132, 174, 220], [248, 249, 251]], // lowest, highest
  [[74, 106, 164], [20, 24, 33]],
];
const NONE = { light: [255, 255, 255], dark: [14, 17, 23] }; // where nothing is known

/** From a loss to 0 … 1 in the range of what is seen; its logarithm, of what is above the lowest. */
export function scaleOf(value, { x, y }, lowest = null) {
  const found = [];
  for (let i = 0; i < COARSE; i++) {
    for (let j = 0; j < COARSE; j++) {
      const at = value(
        x[0] + ((i + 0.5) / COARSE) * (x[1] - x[0]),
        y[0] + ((j + 0.5) / COARSE) * (y[1] - y[0]),
      );
      if (Number.isFinite(at)) found.push(at);
    }
  }
  found.sort((a, b) => a - b);
  const base = lowest ?? found[0] ?? 0;
  const above = (share) => Math.max((found[Math.floor(share * (found.length - 1))] ?? 1) - base, 1e-12);
  const small = above(0.5) / 300;
  const range = Math.log((small + above(0.98)) / small);
  return (loss) => Math.log((small + Math.max(loss - base, 0)) / small) / range;
}

export class Contours {
  constructor() {
    this.canvas = document.createElement("canvas");
  }

  /** Paints `value` over ranges x and y, `lowest` where the lowest value is known. */
  paint({ value, minima, lowest }, range, [width, height], dark) {
    Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const scale = scaleOf(value, range, minima.length ? lowest : null);
    const { x, y } = range;
    const levels = new Float64Array((width + 1) * (height + 1));
    for (let row = 0; row <= height; row++) {
      const v = y[1] - ((row + 0.5) / height) * (y[1] - y[0]);
      for (let column = 0; column <= width; column++) {
        const u = x[0] + ((column + 0.5) / width) * (x[1] - x[0]);
        levels[row * (width + 1) + column] = LEVELS * scale(value(u, v));
      }
    }
    this.#shade(levels, image, dark);
    context.putImageData(image, 0, 0);
  }
  /** From levels, one more in each direction than pixels, to shades with lines at whole levels. */
  #shade(levels, { data, width, height }, dark) {
    const [[r0, g0, b0], [r1, g1, b1]] = dark ? DARK : LIGHT;
    const [none, line] = dark ? [NONE.dark, 190] : [NONE.light, 40];
    for (let row = 0, to = 0; row < height; row++) {
      for (let place = row * (width + 1); place < row * (width + 1) + width; place++, to += 4) {
        const level = levels[place];
        data[to + 3] = 255;
        if (!(level < Infinity)) {
          [data[to], data[to + 1], data[to + 2]] = none;
          continue;
        }
        const share = Math.min(Math.max(level / LEVELS, 0), 1);
        const [across, down] = [levels[place + 1] - level, levels[place + width + 1] - level];
        const steep = Math.sqrt(across * across + down * down);
        const away = Math.abs(level - Math.round(level)) / (steep + 1e-9); // in pixels
        const ink = away < 1 && steep < 0.5 ? (1 - away) * (1 - 2 * steep) * 0.32 : 0;
        const ground = (1 - ink) * share;
        data[to] = (1 - ink) * r0 + ground * (r1 - r0) + ink * line;
        data[to + 1] = (1 - ink) * g0 + ground * (g1 - g0) + ink * line;
        data[to + 2] = (1 - ink) * b0 + ground * (b1 - b0) + ink * line;
      }
    }
  }
}
