// Runs a decoder that core/inference/browser_weights.py has packed, in typed arrays.
// Activations are HWC; the outputs of every weight are neighbours, and zeros are skipped.

import { fetchBytes } from "../common.js";

const room = { values: new Float64Array(0), places: new Int32Array(0), count: 0 }; // for all layers

/** Note the numbers of x from `i` on that are not zero, and where their rows of weights begin. */
function gather(x, i, length, at, row) {
  const { values, places } = room;
  let count = 0;
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
      for (let ky = 0; ky < kh; ky++) {
        const iy = oy * stride[0] - padding[0] + ky;
        if (iy < 0 || iy >= h) continue;
        // A row of the kernel and its channels lie side by side, in the picture and in the weights.
        const i = (iy * w + left + first) * c, at = (ky * kw + first) * c * C;
        gather(x, i, (last - first) * c, at, C);
        spread(weight, 0, y, o, C);
      }
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

function toHwc({ shape: [C, H, W] }, x, y) {
  for (let c = 0, i = 0; c < C; c++) for (let p = 0; p < H * W; p++) y[p * C + c] = x[i++];
}

function toChw({ shape: [C, H, W] }, x, y) {
  for (let c = 0, i = 0; c < C; c++) for (let p = 0; p < H * W; p++) y[i++] = x[p * C + c];
}

const KINDS = {
  linear, conv, conv_transpose: convTranspose, affine, upsample, to_hwc: toHwc, to_chw: toChw,
  copy: (layer, x, y) => y.set(x),
};
const sigmoid = (v) => 1 / (1 + Math.exp(-v));
const ACTIVATIONS = {
  relu: (v) => (v > 0 ? v : 0),
  silu: (v) => v * sigmoid(v),
  leaky_relu: (v, slope) => (v > 0 ? v : v * slope),
  sigmoid,
  tanh: (v) => Math.tanh(v),
};
const OUTPUTS = { sigmoid, tanh: (v) => (Math.tanh(v) + 1) / 2 };

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

export class Decoder {
  constructor(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const weights = toSingles(new Uint16Array(buffer, 4 + length));
    Object.assign(this, header); // latent, classes, output, shape, layers
    if (!(header.output in OUTPUTS)) throw new Error(`unknown output ${header.output}`);
    const count = ([h, w, c]) => h * w * c;
    const size = { linear: (l) => count(l.in) * count(l.out), affine: (l) => count(l.out) };
    size.conv = size.conv_transpose = (l) => l.kernel[0] * l.kernel[1] * l.in[2] * l.out[2];
    for (const layer of this.layers) {
      if (!(layer.kind in KINDS)) throw new Error(`unknown layer ${layer.kind}`);
      if (layer.activation && !(layer.activation in ACTIVATIONS)) throw new Error("activation");
      layer.values = new Float32Array(count(layer.out));
      if (!(layer.kind in size)) continue;
      const biases = layer.map ? count(layer.out) : layer.out[2];
      if (layer.bias + biases > weights.length) throw new Error("weights are missing");
      layer.weight = weights.subarray(layer.weight, layer.weight + size[layer.kind](layer));
      const bias = weights.subarray(layer.bias, layer.bias + biases);
      layer.bias = new Float32Array(count(layer.out)); // one for each output, as `values`
      for (let o = 0; o < layer.bias.length; o += biases) layer.bias.set(bias, o);
    }
    const most = Math.max(...this.layers.map((layer) => count(layer.in)));
    if (room.values.length < most) {
      Object.assign(room, { values: new Float64Array(most), places: new Int32Array(most) });
    }
    this.input = new Float32Array(this.latent + this.classes);
    this.ms = Infinity; // that the fastest decoding so far took
  }

  /** The picture of a code under a class, as bytes (H, W, C); a new array each time. */
  decode(code, label) {
    const begin = performance.now();
    this.input.fill(0);
    this.input.set(code);
    if (this.classes) this.input[this.latent + label] = 1;
    let x = this.input;
    for (const layer of this.layers) {
      const y = layer.values;
      KINDS[layer.kind](layer, x, y);
      if (layer.activation) {
        const activate = ACTIVATIONS[layer.activation];
        for (let i = 0; i < y.length; i++) y[i] = activate(y[i], layer.slope);
      }
      x = y;
    }
    const finish = OUTPUTS[this.output];
    const pixels = new Uint8ClampedArray(x.length); // rounds, and cuts at 0 and 255
    for (let i = 0; i < x.length; i++) pixels[i] = 255 * finish(x[i]);
    this.ms = Math.min(this.ms, performance.now() - begin);
    return pixels;
  }

  /** The latent at a code, as it is decoded. */
  latentAt(code) {
    return code;
  }

  /** Put bytes of `decode` onto a canvas of the picture's size, or into one at (left, top). */
  draw(pixels, context, left = 0, top = 0) {
    const [channels, height, width] = this.shape;
    this.image ??= new ImageData(width, height);
    const rgba = this.image.data;
    for (let p = 0, i = 0; p < rgba.length; p += 4, i += channels) {
      for (let k = 0; k < 3; k++) rgba[p + k] = pixels[i + (channels === 3 ? k : 0)];
      rgba[p + 3] = 255;
    }
    context.putImageData(this.image, left, top);
  }
}

/** A decoder whose codes are coordinates along directions: it decodes base + code · basis. */
export function along(decoder, base, basis) {
  if (base.length !== decoder.latent) throw new Error("The decoder is another model's.");
  const point = new Float64Array(base.length);
  const latentAt = (code) => {
    point.set(base);
    basis.forEach((row, k) => row.forEach((v, i) => (point[i] += code[k] * v)));
    return point;
  };
  const decode = (code, label) => decoder.decode(latentAt(code), label);
  return Object.assign(Object.create(decoder), { latent: basis.length, latentAt, decode });
}

const KEPT = 4;
const WARM_UP = 4; // decodes before the first that is seen, which would take five times as long
const fetched = new Map();

/** The decoder at an address, fetched once; the last few are kept. Rejects with a sentence. */
export function fetchDecoder(url) {
  if (!fetched.has(url)) {
    const arriving = (async () => {
      const buffer = await fetchBytes(url, "decoder");
      try {
        const decoder = new Decoder(buffer);
        for (let k = 0; k < WARM_UP; k++) {
          decoder.decode(new Float32Array(decoder.latent).fill(1), 0);
          await new Promise((rest) => setTimeout(rest));
        }
        return decoder;
      } catch {
        throw new Error("The decoder arrived damaged.");
      }
    })();
    arriving.catch(() => fetched.delete(url));
    fetched.set(url, arriving);
    if (fetched.size > KEPT) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(url);
}
