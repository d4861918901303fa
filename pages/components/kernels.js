// The two sums that networks spend their time with, on numbers that lie in one memory.
//
// A network first lays out its memory (`Layout`), then has kernels on it made. All arguments are
// places in that memory, in numbers; activations are HWC. A picture that a convolution reads has
// its border of zeros around it, so that each row of a window is one run of numbers.

const LANES = 8; // outputs that are computed at once; the weights of that many are neighbours

/** Places for numbers, one after the other. */
export class Layout {
  size = 4; // nothing is at 0, which stands for none

  /** @returns the place of `count` numbers that begin as zeros */
  take(count) {
    const at = this.size;
    this.size += Math.ceil(count / 4) * 4;
    return at;
  }
}

/** Numbers that the weights of a convolution take, [rows][outs], as `conv` reads them. */
export const blocked = (rows, outs) => rows * Math.ceil(outs / LANES) * LANES;

/** Lay weights [rows][outs] out in blocks of outputs: [block][rows][8], filled up with zeros. */
export function intoBlocks(weight, rows, outs, heap, at) {
  for (let first = 0; first < outs; first += LANES) {
    for (let row = 0; row < rows; row++, at += LANES) {
      for (let k = 0; k < LANES && first + k < outs; k++) {
        heap[at + k] = weight[row * outs + first + k];
      }
    }
  }
}

/** The kernels in JavaScript. */
export class Plain {
  constructor(size) {
    this.heap = new Float32Array(size);
  }

  /**
   * A convolution: y = bias + kernel ∗ x, and + `add` where that is not 0.
   * @param x the first number of the first window, `w` weights in blocks, `bias` one an output
   * @param height, width of y, which has `outs` numbers a pixel, `yStep` from pixel to pixel and
   * `yDown` from row to row; `add` lies as y does
   * @param step, down from window to window in x, to the right and downwards
   * @param rows, row, run: a window is `rows` runs of `run` numbers, `row` from one to the next
   */
  conv(x, w, bias, add, y, height, width, outs, yStep, yDown, step, down, rows, row, run) {
    const { heap } = this;
    for (let first = 0; first < outs; first += LANES, w += LANES * rows * run) {
      const last = Math.min(LANES, outs - first);
      for (let i = 0; i < height * width; i++) {
        const top = Math.floor(i / width), left = i % width;
        const from = x + top * down + left * step, to = y + top * yDown + left * yStep + first;
        let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
        for (let r = 0, q = w; r < rows; r++) {
          for (let p = from + r * row, end = p + run; p < end; p++, q += LANES) {
            const v = heap[p];
            a += v * heap[q];
            b += v * heap[q + 1];
            c += v * heap[q + 2];
            d += v * heap[q + 3];
            e += v * heap[q + 4];
            f += v * heap[q + 5];
            g += v * heap[q + 6];
            h += v * heap[q + 7];
          }
        }
        const sums = [a, b, c, d, e, f, g, h];
        for (let k = 0; k < last; k++) {
          heap[to + k] = sums[k] + heap[bias + first + k] + (add ? heap[add + to - y + k] : 0);
        }
      }
    }
  }

  /**
   * y = SiLU of the group norm of x (height, width, channels), which is scaled and shifted by what
   * stands at `film`, if that is not 0: as many numbers that are added to a scale of one, then as
   * many that are added. y has a border of `border` pixels, which stays as it is.
   */
  norm(x, gamma, beta, film, y, height, width, channels, groups, border) {
    const { heap } = this, pixels = height * width, size = channels / groups;
    const scale = new Float64Array(channels), shift = new Float64Array(channels);
    for (let group = 0; group < groups; group++) {
      let sum = 0, squares = 0;
      const first = group * size;
      for (let i = 0; i < pixels; i++) {
        for (let k = first, p = x + i * channels; k < first + size; k++) sum += heap[p + k];
      }
      const mean = sum / (pixels * size);
      for (let i = 0; i < pixels; i++) {
        for (let k = first, p = x + i * channels; k < first + size; k++) {
          squares += (heap[p + k] - mean) ** 2;
        }
      }
      const share = 1 / Math.sqrt(squares / (pixels * size) + 1e-5);
      for (let k = first; k < first + size; k++) {
        scale[k] = share * heap[gamma + k];
        shift[k] = heap[beta + k] - mean * scale[k];
        if (!film) continue;
        scale[k] *= 1 + heap[film + k];
        shift[k] = shift[k] * (1 + heap[film + k]) + heap[film + channels + k];
      }
    }
    const yDown = (width + 2 * border) * channels;
    for (let top = 0, p = x; top < height; top++) {
      let q = y + (top + border) * yDown + border * channels;
      for (let left = 0; left < width; left++) {
        for (let k = 0; k < channels; k++, p++, q++) {
          const v = scale[k] * heap[p] + shift[k];
          heap[q] = v / (1 + Math.exp(-v));
        }
      }
    }
  }
}

let compiled = null; // a promise of kernels.wasm as a module

/**
 * The kernels of kernels.c, where the browser has WASM with SIMD; null elsewhere. There is `linear`
 * too: (x, w, bias, y, inputs, outs) with w [inputs][outs], in which rows of zeros are skipped.
 */
export async function fast(size) {
  try {
    compiled ??= fetch(new URL("./kernels.wasm", import.meta.url))
      .then((answer) => answer.arrayBuffer()).then((bytes) => WebAssembly.compile(bytes));
    const { memory, __heap_base: { value: base }, conv, linear, norm } =
      (await WebAssembly.instantiate(await compiled)).exports;
    const pages = Math.ceil((base + 4 * size) / 65536 - memory.buffer.byteLength / 65536);
    if (pages > 0) memory.grow(pages);
    return { heap: new Float32Array(memory.buffer, base, size), conv, linear, norm };
  } catch {
    compiled = null; // another time it may arrive
    return null;
  }
}

/** Kernels on a memory of `size` numbers: `heap`, and `conv` and `norm` as Plain has them. */
export const kernels = async (size) => (await fast(size)) ?? new Plain(size);
