// The numbers of a layer as pictures: orange above 0, blue below, black at 0; brightness goes with
// the root of the number, or a few strong channels would leave all others dark.

const STEPS = 255;
const ORANGE = [1, 0.6, 0.1], BLUE = [0.2, 0.55, 1];
const rgba = (share) => {
  const [r, g, b] = (share > 0 ? ORANGE : BLUE).map((c) => 255 * c * Math.sqrt(Math.abs(share)));
  return [r, g, b];
};
/** The colour of a share of the largest, -1 to 1. */
export const colour = (share) => `rgb(${rgba(share).map(Math.round).join(" ")})`;

const TABLE = new Uint32Array(2 * STEPS + 1);
const bytes = new Uint8ClampedArray(TABLE.buffer);
for (let i = 0; i <= 2 * STEPS; i++) bytes.set([...rgba((i - STEPS) / STEPS), 255], 4 * i);

export function largest(values) {
  let most = 1e-9;
  for (let i = 0; i < values.length; i++) {
    const v = values[i] < 0 ? -values[i] : values[i];
    if (v > most) most = v;
  }
  return most;
}

/** Channels of a layer on one canvas, a pixel between two; it knows what lies where. */
export class Sheet {
  /**
   * @param layer its `out` is [H, W, C]; without places its numbers are one square
   * @param most channels that are drawn at most, the first
   */
  constructor(canvas, layer, most, columns) {
    const [h, w, c] = layer.out;
    this.flat = h * w === 1 && c > 1;
    const side = Math.ceil(Math.sqrt(c));
    this.picture = layer.path === "" && !layer.kind;
    this.channels = this.flat || this.picture ? 1 : Math.min(c, most);
    this.size = this.flat ? [Math.ceil(c / side), side] : [h, w];
    this.columns = Math.min(columns, this.channels);
    this.rows = Math.ceil(this.channels / this.columns);
    const [high, wide] = this.size;
    Object.assign(canvas, {
      width: this.columns * (wide + 1) - 1, height: this.rows * (high + 1) - 1,
    });
    Object.assign(this, { canvas, layer, context: canvas.getContext("2d") });
    this.image = this.context.createImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  draw() {
    const { layer: { values, out: [, , C] }, size: [h, w], pixels } = this;
    if (this.picture) return this.drawPicture(values, C);
    const factor = STEPS / largest(values), width = this.canvas.width;
    if (this.flat) {
      values.forEach((v, i) => (pixels[i] = TABLE[STEPS + Math.round(v * factor)]));
    } else {
      for (let c = 0; c < this.channels; c++) {
        const [top, left] = this.corner(c);
        for (let y = 0, i = c; y < h; y++) {
          for (let x = 0, at = (top + y) * width + left; x < w; x++, at++, i += C) {
            pixels[at] = TABLE[STEPS + Math.round(values[i] * factor)];
          }
        }
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  drawPicture(values, C) {
    const { data } = this.image;
    for (let p = 0; p < data.length / 4; p++) {
      for (let k = 0; k < 3; k++) data[4 * p + k] = 127.5 * (values[p * C + (C === 3 ? k : 0)] + 1);
      data[4 * p + 3] = 255;
    }
    this.context.putImageData(this.image, 0, 0);
  }

  /** Where a channel's map begins: its row and its column on the canvas. */
  corner(c) {
    const [h, w] = this.size;
    return [Math.floor(c / this.columns) * (h + 1), (c % this.columns) * (w + 1)];
  }

  /** The number [row, column, channel] under a pointer; null between maps. */
  under(event) {
    const box = this.canvas.getBoundingClientRect(), [h, w] = this.size;
    const v = Math.floor(((event.clientY - box.top) / box.height) * this.canvas.height);
    const u = Math.floor(((event.clientX - box.left) / box.width) * this.canvas.width);
    const [row, column] = [Math.floor(v / (h + 1)), Math.floor(u / (w + 1))];
    const [y, x] = [v - row * (h + 1), u - column * (w + 1)];
    return this.checked(y, x, row * this.columns + column, column < this.columns);
  }

  checked(y, x, c, inside = true) {
    const [h, w] = this.size;
    if (!inside || y < 0 || x < 0 || y >= h || x >= w || c < 0 || c >= this.channels) return null;
    if (!this.flat) return [y, x, this.picture ? 0 : c];
    const number = y * w + x;
    return number < this.layer.out[2] ? [0, 0, number] : null;
  }

  /** Where an arrow key leads from a number, over the edges to the neighbouring map. */
  step([y, x, c], key) {
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const way = ways[key];
    const [h, w] = this.size;
    if (this.flat) [y, x, c] = [Math.floor(c / w), c % w, 0];
    if (key === "PageDown" || key === "PageUp") c += key === "PageDown" ? 1 : -1;
    else if (!way) return null;
    else {
      [y, x] = [y + way[0], x + way[1]];
      if (x < 0 || x >= w) [x, c] = x < 0 ? [w - 1, c - 1] : [0, c + 1];
      if (y < 0 || y >= h) [y, c] = y < 0 ? [h - 1, c - this.columns] : [0, c + this.columns];
    }
    return this.checked(y, x, c);
  }

  /** Put an element over a part [top, left, bottom, right] of a channel's map. */
  outline(element, box, c) {
    const [top, left] = this.corner(c), { width, height } = this.canvas;
    const percent = (v, all) => `${(100 * v) / all}%`;
    Object.assign(element.style, {
      top: percent(top + box[0], height), left: percent(left + box[1], width),
      height: percent(box[2] - box[0], height), width: percent(box[3] - box[1], width),
    });
  }

  /** The part of the sheet that one number is, and its map. */
  spot([y, x, c]) {
    if (!this.flat) return [[y, x, y + 1, x + 1], c];
    const w = this.size[1], [row, column] = [Math.floor(c / w), c % w];
    return [[row, column, row + 1, column + 1], 0];
  }
}
