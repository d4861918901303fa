// The heaviest of the layers that layers.js has unpacked, on the kernels of kernels.js.
//
// A transposed convolution whose windows are s apart is s × s convolutions, each of which gives
// every s-th pixel of every s-th row: what is added to a pixel comes from every s-th row and column
// of the kernel, last to first.

import { Layout, blocked, fast, intoBlocks } from "./kernels.js";

/** The parts of one side of a convolution: which outputs, what they see first, by what taps. */
const sideOfConv = (size, outs, kernel, stride, padding) => [
  { first: 0, every: 1, count: outs, start: -padding, stride, taps: range(kernel) },
];

function sideOfTransposed(size, outs, kernel, stride, padding) {
  return range(Math.min(stride, outs)).map((first) => {
    const phase = (first + padding) % stride;
    const taps = range(kernel).filter((k) => k % stride === phase).reverse();
    const start = Math.floor((first + padding) / stride) - taps.length + 1;
    const count = Math.ceil((outs - first) / stride);
    return { first, every: stride, count, start, stride: 1, taps };
  });
}

const range = (count) => Array.from({ length: count }, (_, i) => i);
const SIDES = { conv: sideOfConv, conv_transpose: sideOfTransposed };

/** Zeros that all parts of a side need before and behind. */
function borders(parts, size) {
  const last = ({ start, stride, count, taps }) => start + stride * (count - 1) + taps.length;
  return [Math.max(0, ...parts.map(({ start }) => -start)),
    Math.max(0, ...parts.map((part) => last(part) - size))];
}

/** A convolution on the kernels: where its numbers are to lie, and how it is computed there. */
class Convolution {
  constructor(layer, layout) {
    const { in: [h, w, c], out: [H, W, C], kind, kernel, stride, padding } = layer;
    const [down, across] = [[h, H], [w, W]].map(([size, outs], i) =>
      SIDES[kind](size, outs, kernel[i], stride[i], padding[i]));
    [this.top, this.bottom] = borders(down, h);
    [this.left, this.right] = borders(across, w);
    this.layer = layer;
    this.row = (w + this.left + this.right) * c;
    this.x = layout.take((h + this.top + this.bottom) * this.row);
    this.y = layout.take(H * W * C);
    this.bias = layout.take(C);
    this.biases = layer.map ? layout.take(H * W * C) : 0; // one for each output
    this.parts = down.flatMap((rows) => across.map((columns) => {
      const numbers = rows.taps.length * columns.taps.length * c;
      return { rows, columns, numbers, weight: layout.take(blocked(numbers, C)) };
    }));
  }

  /** Fill the memory, and have the layer computed there. */
  begin(kernels) {
    const { layer, layer: { out: [H, W, C] } } = this, { heap } = kernels;
    if (this.biases) heap.set(layer.bias, this.biases);
    else heap.set(layer.bias.subarray(0, C), this.bias);
    for (const part of this.parts) {
      intoBlocks(this.weights(part), part.numbers, C, heap, part.weight);
    }
    layer.values = heap.subarray(this.y, this.y + H * W * C);
    layer.run = (_, x) => this.run(x, kernels);
  }

  /** The weights of a part, [row][column][in][out]. */
  weights({ rows, columns, numbers }) {
    const { weight, kind, in: [, , c], out: [, , C], kernel } = this.layer;
    if (kind !== "conv_transpose") return weight;
    const [kh, kw] = kernel, own = new Float32Array(numbers * C); // of [in][row][column][out]
    let at = 0;
    for (const ky of rows.taps) {
      for (const kx of columns.taps) {
        for (let k = 0; k < c; k++, at += C) {
          const from = ((k * kh + ky) * kw + kx) * C;
          own.set(weight.subarray(from, from + C), at);
        }
      }
    }
    return own;
  }

  run(x, { heap, conv }) {
    const { in: [h, w, c], out: [, W, C] } = this.layer, { row } = this;
    for (let iy = 0, to = this.x + this.top * row + this.left * c; iy < h; iy++, to += row) {
      heap.set(x.subarray(iy * w * c, (iy + 1) * w * c), to);
    }
    for (const { rows, columns, weight } of this.parts) {
      const from = this.x + (rows.start + this.top) * row + (columns.start + this.left) * c;
      const first = (rows.first * W + columns.first) * C;
      conv(from, weight, this.bias, this.biases && this.biases + first, this.y + first,
        rows.count, columns.count, C, columns.every * C, rows.every * W * C,
        columns.stride * c, rows.stride * row, rows.taps.length, row, columns.taps.length * c);
    }
  }
}

/** The same for a linear layer. */
class Linear {
  constructor(layer, layout) {
    const { in: [, , inputs], out: [, , outs] } = layer;
    Object.assign(this, { layer, inputs, outs });
    this.x = layout.take(inputs);
    this.y = layout.take(outs);
    this.bias = layout.take(outs);
    this.weight = layout.take(inputs * outs);
  }

  begin({ heap, linear }) {
    const { layer, x, y, weight, bias, inputs, outs } = this;
    heap.set(layer.bias, bias);
    heap.set(layer.weight, weight);
    layer.values = heap.subarray(y, y + outs);
    layer.run = (_, numbers) => {
      heap.set(numbers, x);
      linear(x, weight, bias, y, inputs, outs);
    };
  }
}

const HEAVY = { conv: Convolution, conv_transpose: Convolution, linear: Linear };

/** Have layers computed by WASM, where there is some; else they stay as they are. */
export async function accelerate(layers) {
  const layout = new Layout();
  const heavy = layers.filter(({ kind }) => kind in HEAVY)
    .map((layer) => new HEAVY[layer.kind](layer, layout));
  const kernels = await fast(layout.size);
  if (kernels) for (const one of heavy) one.begin(kernels);
}
