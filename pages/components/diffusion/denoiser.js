// What a diffusion's network says of a noisy image: core/models/denoising_nets.py, step by step,
// with weights that core/inference/browser_denoiser.py has packed. Pictures are HWC, about [-1, 1].

import { Layout, blocked, intoBlocks, kernels } from "../kernels.js";
import { fetchPacked } from "../layers.js";
import { guessOf, scales } from "./sampling.js";

const GROUPS = 8;
const TIMES = 64; // sines and cosines that a time is written as
const silu = (v) => v / (1 + Math.exp(-v));

export class Denoiser {
  #steps = []; // what a look computes, in order
  #layout = new Layout();
  #weights = {}; // by name: shape, numbers, and where they lie in the memory
  #borders = {}; // by shape: pictures with a border of zeros, which one step writes for the next

  constructor(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const { shape, width, classes, blind, process, weights } = header;
    Object.assign(this, { shape, width, classes, blind, process });
    scales(process, 1); // throws where it is unknown
    let at = 4 + length;
    for (const [name, sides] of Object.entries(weights)) {
      const count = sides.reduce((a, b) => a * b, 1);
      this.#weights[name] = { sides, numbers: new Float32Array(buffer, at, count) };
      at += 4 * count;
    }
    if (at !== buffer.byteLength) throw new Error("too long");
    this.#plan();
  }

  /** Have the memory made; before that it cannot look. */
  async begin() {
    this.kernels = await kernels(this.#layout.size);
    const { heap } = this.kernels;
    for (const { numbers, at, rows, outs } of Object.values(this.#weights)) {
      if (rows) intoBlocks(numbers, rows, outs, heap, at);
      else if (at) heap.set(numbers, at);
    }
    return this;
  }

  // ---- the network

  #plan() {
    const [C, H, W] = this.shape, { width } = this;
    const half = [H / 2, W / 2], quarter = [H / 4, W / 4];
    if (!this.blind) this.known = this.#layout.take(4 * width);
    this.entrance = this.#bordered(half, 4 * C, "entrance");
    let x = this.#conv("enter", this.entrance, half, [...half, width]);
    for (let i = 0; i < 2; i++) x = this.#block(`down.${i}`, x, half);
    const skip = x, bordered = this.#bordered(half, width);
    this.#step((heap) => spread(heap, skip, width, bordered, width, half, 1));
    x = this.#conv("shrink", bordered, half, [...quarter, 2 * width], 2);
    for (let i = 0; i < 3; i++) x = this.#block(`middle.${i}`, x, quarter);
    const small = x, grown = this.#bordered(half, 2 * width);
    this.#step((heap) => grow(heap, small, grown, quarter, 2 * width));
    const joined = this.#layout.take(half[0] * half[1] * 2 * width);
    this.#conv("grow", grown, half, [...half, width], 1, { y: joined, yStep: 2 * width });
    this.#step((heap) => spread(heap, skip, width, joined + width, 2 * width, half, 0));
    x = this.#block("up.0", joined, half);
    x = this.#block("up.1", x, half);
    x = this.#norm("norm", x, half, width, 0);
    this.exit = this.#conv("leave", x, half, [...half, 4 * C]);
  }

  #block(name, x, size) {
    const [, , inputs, outputs] = this.#sides(`${name}.first.weight`);
    const shape = [...size, outputs];
    let film = 0;
    if (!this.blind) {
      const [known, outs] = this.#sides(`${name}.modulation.weight`);
      film = this.#linear(`${name}.modulation`, this.known, known, outs);
    }
    let between = this.#norm(`${name}.first_norm`, x, size, inputs, 0);
    between = this.#conv(`${name}.first`, between, size, shape);
    between = this.#norm(`${name}.second_norm`, between, size, outputs, film);
    if (inputs !== outputs) x = this.#conv(`${name}.shortcut`, x, size, shape, 1, { border: 0 });
    return this.#conv(`${name}.second`, between, size, shape, 1, { add: x });
  }

  /** SiLU of a group norm; gives a picture with a border. */
  #norm(name, x, [H, W], channels, film) {
    const gamma = this.#at(`${name}.weight`), beta = this.#at(`${name}.bias`);
    const y = this.#bordered([H, W], channels);
    this.#step((_, k) => k.norm(x, gamma, beta, film, y, H, W, channels, GROUPS, 1));
    return y;
  }

  /** A convolution of a picture with its border, `stride` pixels on from window to window. */
  #conv(name, x, [, W], [height, width, outs], stride = 1, more = {}) {
    let { border = 1, add = 0, y, yStep = outs } = more;
    const [kh, kw, c] = this.#sides(`${name}.weight`);
    const row = (W + 2 * border) * c, run = kw * c;
    const w = this.#blocks(`${name}.weight`, kh * run, outs), bias = this.#at(`${name}.bias`);
    y ??= this.#layout.take(height * width * outs);
    const sums = [outs, yStep, width * yStep, stride * c, stride * row, kh, row, run];
    this.#step((_, k) => k.conv(x, w, bias, add, y, height, width, ...sums));
    return y;
  }

  #linear(name, x, inputs, outs) {
    const w = this.#blocks(`${name}.weight`, inputs, outs), bias = this.#at(`${name}.bias`);
    const y = this.#layout.take(outs);
    this.#step((_, k) => k.conv(x, w, bias, 0, y, 1, 1, outs, outs, outs, 0, 0, 1, 0, inputs));
    return y;
  }

  #step(compute) {
    this.#steps.push(compute);
  }

  #sides(name) {
    return this.#weights[name].sides;
  }

  #at(name) {
    const weight = this.#weights[name];
    return (weight.at ??= this.#layout.take(weight.numbers.length));
  }

  #blocks(name, rows, outs) {
    const at = this.#layout.take(blocked(rows, outs));
    Object.assign(this.#weights[name], { rows, outs, at });
    return at;
  }

  #bordered([H, W], channels, name = "") {
    const key = `${name} ${H} ${W} ${channels}`;
    return (this.#borders[key] ??= this.#layout.take((H + 2) * (W + 2) * channels));
  }

  /** What the blocks are told of time and class: SiLU of the sum of both. */
  #tell(t, label) {
    const { numbers: weight, sides: [, outs] } = this.#weights["time.0.weight"];
    const { numbers: bias } = this.#weights["time.0.bias"];
    const { numbers: labels, sides: [, count] } = this.#weights["label.weight"]; // [out][class]
    const asked = label >= 0 && label < this.classes ? label : this.classes;
    const code = timeCode(t), { heap } = this.kernels;
    for (let k = 0; k < outs; k++) {
      let sum = bias[k];
      for (let i = 0; i < TIMES; i++) sum += code[i] * weight[i * outs + k];
      heap[this.known + k] = silu(silu(sum) + labels[k * count + asked]);
    }
  }

  /** What the network says of a picture (HWC) at a time in [0, 1]; a class of -1 stands for any. */
  say(x, t, label = -1) {
    const { heap } = this.kernels;
    if (!this.blind) this.#tell(t, label);
    if (this.blind) x = x.map((v) => v + 1); // counted from black
    const size = this.blind ? rootMeanSquare(x) : 1; // a blind network sees all at one size
    this.#unshuffle(x, heap, 1 / size);
    for (const compute of this.#steps) compute(heap, this.kernels);
    return this.#shuffle(heap, size);
  }

  /** Patches of 2×2 pixels, channel by channel: into a pixel of the entrance each. */
  #unshuffle(x, heap, scale) {
    const [C, H, W] = this.shape, row = (W / 2 + 2) * 4 * C;
    for (let iy = 0, i = 0; iy < H; iy++) {
      for (let ix = 0; ix < W; ix++) {
        const at = this.entrance + ((iy >> 1) + 1) * row + ((ix >> 1) + 1) * 4 * C;
        for (let c = 0; c < C; c++, i++) heap[at + 4 * c + 2 * (iy & 1) + (ix & 1)] = scale * x[i];
      }
    }
  }

  #shuffle(heap, scale) {
    const [C, H, W] = this.shape, row = (W / 2) * 4 * C, y = new Float32Array(H * W * C);
    for (let iy = 0, i = 0; iy < H; iy++) {
      for (let ix = 0; ix < W; ix++) {
        const at = this.exit + (iy >> 1) * row + (ix >> 1) * 4 * C;
        for (let c = 0; c < C; c++, i++) y[i] = scale * heap[at + 4 * c + 2 * (iy & 1) + (ix & 1)];
      }
    }
    return y;
  }

  /**
   * Its guess at a noisy picture at a time: the image without noise, and the noise. With guidance g
   * it says (1 + g) of what it says with the class, less g of what it says without.
   * @returns {{image: Float32Array, noise: Float32Array}}
   */
  look(x, t, label = -1, guidance = 0) {
    const said = this.say(x, t, label);
    if (guidance && label >= 0 && this.classes) {
      this.say(x, t).forEach((v, i) => (said[i] = (1 + guidance) * said[i] - guidance * v));
    }
    return guessOf(this.process, x, said, scales(this.process, t));
  }
}

/** The size of a picture's numbers; never 0. */
function rootMeanSquare(x) {
  let sum = 0;
  for (const v of x) sum += v * v;
  return Math.max(Math.sqrt(sum / x.length), 1e-6);
}

/** A time as sines and cosines of falling wavelengths. */
function timeCode(t) {
  const code = new Float64Array(TIMES), half = TIMES / 2;
  for (let i = 0; i < half; i++) {
    const angle = t * 1000 ** (i / (half - 1));
    code[i] = Math.sin(angle);
    code[half + i] = Math.cos(angle);
  }
  return code;
}

/** Channels of a picture into those of another, which has a border and perhaps more of them. */
function spread(heap, x, channels, y, step, [H, W], border) {
  for (let iy = 0; iy < H; iy++) {
    let to = y + ((iy + border) * (W + 2 * border) + border) * step;
    for (let ix = 0; ix < W; ix++, x += channels, to += step) heap.copyWithin(to, x, x + channels);
  }
}

/** Each pixel four times, into a picture with a border. */
function grow(heap, x, y, [H, W], channels) {
  for (let iy = 0; iy < 2 * H; iy++) {
    let to = y + ((iy + 1) * (2 * W + 2) + 1) * channels;
    for (let ix = 0; ix < 2 * W; ix++, to += channels) {
      const from = x + ((iy >> 1) * W + (ix >> 1)) * channels;
      heap.copyWithin(to, from, from + channels);
    }
  }
}

/** The network of packed bytes. Rejects where they are damaged. */
export const readDenoiser = async (buffer) => new Denoiser(buffer).begin();

/** The network at an address, fetched once. Rejects with a sentence. */
export const loadDenoiser = (url) => fetchPacked(url, "network", readDenoiser);
