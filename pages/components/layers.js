// Computes what core/inference/browser_steps.py has packed, in typed arrays.
// Activations are HWC; the outputs of every weight are neighbours, and zeros are skipped.

import { fetchBytes } from "./common.js";

const room = { values: new Float64Array(0), places: new Int32Array(0), count: 0 }; // for all layers

/** Note the numbers of x from `i` on that are not zero, and where their rows of weights begin. */
function gather(x, i, length, at, row) {
  room.count = 0;
  gatherMore(x, i, length, at, row);
}

/** The same behind those that are noted already. */
function gatherMore(x, i, length, at, row) {
  const { values, places } = room;
  let { count } = room;
  for (const end = i + length; i < end; i++, at += row) {
    if (x[i] === 0) continue;
    values[count] = x[i];
    places[count++] = at;
  }
  room.count = count;
}

/** Add to y from `o` on the rows that were gathered, four at a time, `shift` on in the weights. */
function spread(weight, shift, y, o, length) {
  const { values, places, count } = room;
  let j = 0;
  for (; j + 3 < count; j += 4) {
    const a = values[j], b = values[j + 1], c = values[j + 2], d = values[j + 3];
    const p = places[j] + shift, q = places[j + 1] + shift;
    const r = places[j + 2] + shift, s = places[j + 3] + shift;
    for (let k = 0; k < length; k++) {
      y[o + k] += a * weight[p + k] + b * weight[q + k] + c * weight[r + k] + d * weight[s + k];
    }
  }
  for (; j < count; j++) {
    const a = values[j], p = places[j] + shift;
    for (let k = 0; k < length; k++) y[o + k] += a * weight[p + k];
  }
}

/** The same where all rows fit into the processor's cache: eight sums at a time, in registers. */
function spreadShort(weight, y, o, length) {
  const { values, places, count } = room;
  let k = 0;
  for (; k + 7 < length; k += 8) {
    let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    for (let j = 0; j < count; j++) {
      const v = values[j], p = places[j] + k;
      a += v * weight[p];
      b += v * weight[p + 1];
      c += v * weight[p + 2];
      d += v * weight[p + 3];
      e += v * weight[p + 4];
      f += v * weight[p + 5];
      g += v * weight[p + 6];
      h += v * weight[p + 7];
    }
    const i = o + k;
    y[i] += a;
    y[i + 1] += b;
    y[i + 2] += c;
    y[i + 3] += d;
    y[i + 4] += e;
    y[i + 5] += f;
    y[i + 6] += g;
    y[i + 7] += h;
  }
  for (; k < length; k++) {
    let sum = 0;
    for (let j = 0; j < count; j++) sum += values[j] * weight[places[j] + k];
    y[o + k] += sum;
  }
}

function linear({ weight, bias }, x, y) {
  y.set(bias);
  gather(x, 0, x.length, 0, y.length);
  spread(weight, 0, y, 0, y.length);
}

function conv({ weight, bias, in: [h, w, c], out: [H, W, C], kernel, stride, padding }, x, y) {
  const [kh, kw] = kernel;
  y.set(bias);
  for (let oy = 0, o = 0; oy < H; oy++) {
    for (let ox = 0; ox < W; ox++, o += C) {
      const left = ox * stride[1] - padding[1];
      const first = Math.max(0, -left), last = Math.min(kw, w - left);
      room.count = 0;
      for (let ky = 0; ky < kh; ky++) {
        const iy = oy * stride[0] - padding[0] + ky;
        if (iy < 0 || iy >= h) continue;
        // A row of the kernel and its channels lie side by side, in the picture and in the weights.
        const i = (iy * w + left + first) * c, at = (ky * kw + first) * c * C;
        gatherMore(x, i, (last - first) * c, at, C);
      }
      spreadShort(weight, y, o, C);
    }
  }
}

function convTranspose(layer, x, y) {
  const { weight, bias, in: [h, w, c], out: [H, W, C], kernel: [kh, kw], stride, padding } = layer;
  y.set(bias);
  for (let iy = 0, i = 0; iy < h; iy++) {
    const top = iy * stride[0] - padding[0];
    const firstRow = Math.max(0, -top), lastRow = Math.min(kh, H - top);
    for (let ix = 0; ix < w; ix++, i += c) {
      const left = ix * stride[1] - padding[1];
      const first = Math.max(0, -left), length = (Math.min(kw, W - left) - first) * C;
      gather(x, i, c, first * C, kh * kw * C);
      for (let ky = firstRow; ky < lastRow; ky++) {
        const o = ((top + ky) * W + left + first) * C;
        spread(weight, ky * kw * C, y, o, length);
      }
    }
  }
}

function affine({ weight, bias }, x, y) {
  for (let i = 0; i < y.length; i++) y[i] = x[i] * weight[i] + bias[i];
}

function upsample({ factor, out: [H, W, C] }, x, y) {
  const row = (W / factor) * C;
  for (let oy = 0, o = 0; oy < H; oy++) {
    const begin = Math.floor(oy / factor) * row;
    for (let ox = 0; ox < W; ox++) {
      const i = begin + Math.floor(ox / factor) * C;
      for (let k = 0; k < C; k++) y[o++] = x[i + k];
    }
  }
}

/** Each channel by its own mean and spread over the picture, then scaled and shifted. */
function instanceNorm({ weight, bias, eps, out: [H, W, C] }, x, y) {
  const pixels = H * W;
  for (let k = 0; k < C; k++) {
    let sum = 0, squares = 0;
    for (let i = k; i < x.length; i += C) sum += x[i];
    const mean = sum / pixels;
    for (let i = k; i < x.length; i += C) squares += (x[i] - mean) ** 2;
    const scale = weight[k] / Math.sqrt(squares / pixels + eps);
    const shift = bias[k] - mean * scale;
    for (let i = k; i < x.length; i += C) y[i] = scale * x[i] + shift;
  }
}

/** Patches of pixels and channels [c][dy][dx] of one pixel: f(place of a pixel's number, of the
 * channel's). */
function patches([H, W, C], factor, f) {
  const across = W / factor, deep = C * factor * factor;
  for (let y = 0, i = 0; y < H; y++) {
    for (let x = 0; x < W; x++) {
      const pixel = Math.floor(y / factor) * across + Math.floor(x / factor);
      const at = pixel * deep + (y % factor) * factor + (x % factor);
      for (let k = 0; k < C; k++, i++) f(i, at + k * factor * factor);
    }
  }
}

function pixelShuffle({ out, factor }, x, y) {
  patches(out, factor, (i, j) => (y[i] = x[j]));
}

function pixelUnshuffle({ in: from, factor }, x, y) {
  patches(from, factor, (i, j) => (y[j] = x[i]));
}

function toHwc({ shape: [C, H, W] }, x, y) {
  for (let c = 0, i = 0; c < C; c++) for (let p = 0; p < H * W; p++) y[p * C + c] = x[i++];
}

function toChw({ shape: [C, H, W] }, x, y) {
  for (let c = 0, i = 0; c < C; c++) for (let p = 0; p < H * W; p++) y[i++] = x[p * C + c];
}

/** Call f(place, pixel of x) for what each window of a layer sees. */
function windows({ in: [h, w], out: [H, W], kernel: [kh, kw], stride, padding }, f) {
  for (let oy = 0, o = 0; oy < H; oy++) {
    for (let ox = 0; ox < W; ox++, o++) {
      const top = oy * stride[0] - padding[0], left = ox * stride[1] - padding[1];
      const bottom = Math.min(top + kh, h), right = Math.min(left + kw, w);
      for (let iy = Math.max(top, 0); iy < bottom; iy++) {
        for (let ix = Math.max(left, 0); ix < right; ix++) f(o, iy * w + ix);
      }
    }
  }
}

function maxPool(layer, x, y) {
  const C = layer.out[2];
  y.fill(-Infinity);
  windows(layer, (o, i) => {
    for (let k = 0, a = o * C, b = i * C; k < C; k++, a++, b++) if (x[b] > y[a]) y[a] = x[b];
  });
}

function meanPool(layer, x, y) {
  const C = layer.out[2], share = 1 / (layer.kernel[0] * layer.kernel[1]);
  y.fill(0);
  windows(layer, (o, i) => {
    for (let k = 0; k < C; k++) y[o * C + k] += x[i * C + k];
  });
  for (let i = 0; i < y.length; i++) y[i] *= share;
}

/** Every second pixel, with channels of zeros behind. */
function everySecond({ in: [, w, c], out: [H, W, C] }, x, y) {
  y.fill(0);
  for (let oy = 0, o = 0; oy < H; oy++) {
    for (let ox = 0; ox < W; ox++, o += C) {
      const i = 2 * (oy * w + ox) * c;
      for (let k = 0; k < c; k++) y[o + k] = x[i + k];
    }
  }
}

function add(layer, x, y, all) {
  y.set(x);
  for (const other of all.slice(1)) for (let i = 0; i < y.length; i++) y[i] += other[i];
}

/** Channels of several, one after the other. */
function concat({ out: [H, W, C] }, x, y, all) {
  let first = 0;
  for (const one of all) {
    const c = one.length / (H * W);
    for (let p = 0; p < H * W; p++) {
      for (let k = 0; k < c; k++) y[p * C + first + k] = one[p * c + k];
    }
    first += c;
  }
}

const KINDS = {
  linear, conv, conv_transpose: convTranspose, affine, upsample, to_hwc: toHwc, to_chw: toChw,
  max_pool: maxPool, mean_pool: meanPool, every_second: everySecond, add, concat,
  instance_norm: instanceNorm, pixel_shuffle: pixelShuffle, pixel_unshuffle: pixelUnshuffle,
  copy: (layer, x, y) => y.set(x),
};
export const sigmoid = (v) => 1 / (1 + Math.exp(-v));
const ACTIVATIONS = {
  relu: (v) => (v > 0 ? v : 0),
  silu: (v) => v * sigmoid(v),
  leaky_relu: (v, slope) => (v > 0 ? v : v * slope),
  sigmoid,
  tanh: (v) => Math.tanh(v),
};
function rectify(y) {
  for (let k = 0; k < y.length; k++) if (!(y[k] > 0)) y[k] = 0;
}

/** Half precision to single: the exponent is moved by a multiplication, subnormals included. */
function toSingles(halves) {
  const singles = new Float32Array(halves.length);
  const float = new Float32Array(1), bits = new Uint32Array(float.buffer);
  for (let i = 0; i < halves.length; i++) {
    bits[0] = ((halves[i] & 0x8000) << 16) | ((halves[i] & 0x7fff) << 13);
    singles[i] = float[0] * 2 ** 112;
  }
  return singles;
}

const count = ([h, w, c]) => h * w * c;
const SIZES = { linear: (l) => count(l.in) * count(l.out), affine: (l) => count(l.out) };
SIZES.instance_norm = (l) => l.out[2];
SIZES.conv = SIZES.conv_transpose = (l) => l.kernel[0] * l.kernel[1] * l.in[2] * l.out[2];

/**
 * The header of packed bytes; each of its layers has `weight`, `bias` (one for each output) and
 * `values`, all HWC, for what it gives. Throws where the bytes are damaged.
 */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const begin = 4 + length;
  for (const layer of header.layers) {
    if (!(layer.kind in KINDS)) throw new Error(`unknown layer ${layer.kind}`);
    if (layer.activation && !(layer.activation in ACTIVATIONS)) throw new Error("activation");
    layer.values = new Float32Array(count(layer.out));
    if (!(layer.kind in SIZES)) continue;
    const numbers = (offset, size) => {
      const at = begin + 2 * offset;
      if (layer.single) return new Float32Array(buffer, at, size);
      return toSingles(new Uint16Array(buffer, at, size));
    };
    const biases = layer.map ? count(layer.out) : layer.out[2];
    const bias = numbers(layer.bias, biases);
    layer.weight = numbers(layer.weight, SIZES[layer.kind](layer));
    layer.bias = new Float32Array(count(layer.out));
    for (let o = 0; o < layer.bias.length; o += biases) layer.bias.set(bias, o);
  }
  const most = Math.max(...header.layers.map(({ kernel = [1, 1], in: [h, w, c] }) =>
    Math.max(h * w, kernel[0] * kernel[1]) * c));
  if (room.values.length < most) {
    Object.assign(room, { values: new Float64Array(most), places: new Int32Array(most) });
  }
  return header;
}

/** Compute all layers from an input; each takes what `from` names, by default the one before. */
export function compute(layers, input) {
  layers.forEach((layer, i) => {
    const all = (layer.from ?? [i - 1]).map((k) => (k < 0 ? input : layers[k].values));
    const y = layer.values;
    (layer.run ?? KINDS[layer.kind])(layer, all[0], y, all); // `run` is of fast_layers.js
    if (!layer.activation) return;
    const activate = ACTIVATIONS[layer.activation];
    if (layer.activation === "relu") rectify(y); // by far the most of them
    else for (let k = 0; k < y.length; k++) y[k] = activate(y[k], layer.slope);
  });
  return layers.at(-1).values;
}

const KEPT = 4;
const fetched = new Map();

/**
 * What is made of the packed bytes at an address, fetched once; the last few are kept. Rejects with
 * a sentence.
 */
export function fetchPacked(url, name, make) {
  if (!fetched.has(url)) {
    const arriving = (async () => {
      const buffer = await fetchBytes(url, name);
      try {
        return await make(buffer);
      } catch {
        throw new Error(`The ${name} arrived damaged.`);
      }
    })();
    arriving.catch(() => fetched.delete(url));
    fetched.set(url, arriving);
    if (fetched.size > KEPT) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(url);
}
