// Runs a classifier that core/inference/browser_classifier.py has packed, and says of each of its
// numbers where it comes from.

import { accelerate } from "../fast_layers.js";
import { compute, fetchPacked, unpack } from "../layers.js";

const WARM_UP = 4; // pictures before the first that is seen, which would take five times as long
const HIDDEN = new Set(["to_chw", "every_second"]); // the same numbers elsewhere

export class Classifier {
  constructor(buffer) {
    Object.assign(this, unpack(buffer)); // shape, classes, layers
    const [c, h, w] = this.shape;
    this.picture = { name: "Picture", path: "", after: [], out: [h, w, c] };
    this.picture.values = new Float32Array(h * w * c);
    const moved = (layer) => layer.kind !== "copy" || layer.activation;
    /** The places of the layers that are shown, the picture's, -1, first. */
    this.shown = [-1];
    this.layers.forEach((layer, i) => {
      if (!HIDDEN.has(layer.kind) && moved(layer)) this.shown.push(i);
    });
  }

  /** The layer at a place. */
  at(place) {
    return place < 0 ? this.picture : this.layers[place];
  }

  /** The probabilities of a picture's classes, bytes (H, W, C); all layers have their numbers. */
  classify(pixels) {
    const input = this.picture.values;
    for (let i = 0; i < input.length; i++) input[i] = 2 * Math.fround(pixels[i] / 255) - 1;
    return softmax(compute(this.layers, input));
  }

  /** The place whose numbers a layer at a place shows, by going back to one that is shown. */
  source(place) {
    while (place >= 0 && !this.shown.includes(place)) [place] = this.layers[place].from;
    return place;
  }

  /**
   * Which part of an earlier layer a part of another depends on; parts are boxes
   * [top, left, bottom, right] of its places, the last two left out.
   */
  field(place, box, until = -1) {
    if (place <= until) return box;
    const layer = this.layers[place], before = behind(layer, box);
    const boxes = layer.from.map((from) => this.field(from, before, until));
    return boxes.reduce((a, b) => a.map((v, i) => (i < 2 ? Math.min(v, b[i]) : Math.max(v, b[i]))));
  }

  /**
   * How the number [row, column, channel] of a layer comes about: the `parts` that are added, the
   * `bias`, and the `sum`, which the activation makes the `value`.
   */
  origin(place, [y, x, c]) {
    const layer = this.layers[place];
    const [, W, C] = layer.out;
    const inputs = layer.from.map((from) => this.at(from).values);
    const told = ORIGINS[layer.kind](layer, inputs, [y, x, c], this);
    const value = layer.values[(y * W + x) * C + c];
    return { kind: layer.kind, bias: 0, ...told, value, activation: layer.activation };
  }
}

export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((v) => v / sum);
}

/** The part of a layer's input that a part of its output depends on. */
function behind({ kind, in: [h, w], out: [H, W], kernel, stride, padding }, [t, l, b, r]) {
  if (kernel) {
    const [first, left] = [t, l].map((v, i) => v * stride[i] - padding[i]);
    const [last, right] = [b, r].map((v, i) => (v - 1) * stride[i] - padding[i] + kernel[i]);
    return [Math.max(0, first), Math.max(0, left), Math.min(h, last), Math.min(w, right)];
  }
  if (kind === "every_second") return [2 * t, 2 * l, 2 * b - 1, 2 * r - 1];
  return kind === "linear" || h !== H || w !== W ? [0, 0, h, w] : [t, l, b, r];
}

/** Call f(number in the window, pixel of the input or -1 beyond its border) for a window. */
function window({ in: [h, w], kernel: [kh, kw], stride, padding }, y, x, f) {
  for (let ky = 0, k = 0; ky < kh; ky++) {
    for (let kx = 0; kx < kw; kx++, k++) {
      const iy = y * stride[0] - padding[0] + ky, ix = x * stride[1] - padding[1] + kx;
      f(k, iy < 0 || ix < 0 || iy >= h || ix >= w ? -1 : iy * w + ix);
    }
  }
}

function patchOf(layer, input, y, x, c) {
  const patch = [];
  window(layer, y, x, (k, i) => (patch[k] = i < 0 ? null : input[i * layer.in[2] + c]));
  return patch;
}

const total = (numbers) => numbers.reduce((a, b) => a + b, 0);

const ORIGINS = {
  conv(layer, [input], [y, x, c]) {
    const { weight, in: [, , channels], out: [, W, C] } = layer;
    const parts = Array.from({ length: channels }, (_, channel) => {
      const patch = patchOf(layer, input, y, x, channel);
      const kernel = patch.map((_, k) => weight[(k * channels + channel) * C + c]);
      return { channel, patch, kernel, sum: total(patch.map((v, k) => (v ?? 0) * kernel[k])) };
    });
    const bias = layer.bias[(y * W + x) * C + c];
    return { parts, bias, sum: total(parts.map((part) => part.sum)) + bias };
  },
  linear(layer, [input], [, , c], net) {
    const C = layer.out[2], [h, w, channels] = net.at(net.source(layer.from[0])).out;
    const parts = Array.from(input, (value, i) => {
      const weight = layer.weight[i * C + c], pixel = i % (h * w);
      const spot = [Math.floor(pixel / w), pixel % w, Math.floor(i / (h * w))];
      return { spot, value, weight, sum: value * weight };
    });
    const bias = layer.bias[c];
    return { parts, places: [h, w, channels], bias, sum: total(parts.map((p) => p.sum)) + bias };
  },
  max_pool(layer, [input], [y, x, c]) {
    const patch = patchOf(layer, input, y, x, c);
    const sum = patch.reduce((a, b) => (b !== null && b > a ? b : a), -Infinity);
    return { parts: [{ channel: c, patch, largest: patch.indexOf(sum), sum }], sum };
  },
  mean_pool(layer, [input], [y, x, c]) {
    const patch = patchOf(layer, input, y, x, c), sum = total(patch) / patch.length;
    return { parts: [{ channel: c, patch, sum }], sum };
  },
  add({ from, out: [, W, C] }, inputs, [y, x, c], net) {
    const parts = inputs.map((input, k) => {
      return { place: net.source(from[k]), sum: input[(y * W + x) * C + c] };
    });
    return { parts, sum: total(parts.map((part) => part.sum)) };
  },
  concat({ from, out: [, W] }, inputs, [y, x, c], net) {
    let first = 0;
    for (const [k, input] of inputs.entries()) {
      const channels = net.at(from[k]).out[2];
      if (c < first + channels) {
        const sum = input[(y * W + x) * channels + c - first];
        return { parts: [{ place: from[k], channel: c - first, sum }], sum };
      }
      first += channels;
    }
    throw new Error("no such channel");
  },
  affine({ weight, bias, out: [, W, C] }, [input], [y, x, c]) {
    const i = (y * W + x) * C + c, sum = input[i] * weight[i];
    const parts = [{ value: input[i], weight: weight[i], sum }];
    return { parts, bias: bias[i], sum: sum + bias[i] };
  },
  copy({ out: [, W, C] }, [input], [y, x, c]) {
    const sum = input[(y * W + x) * C + c];
    return { parts: [{ sum }], sum };
  },
};

/** The classifier at an address, fetched once. Rejects with a sentence. */
export const fetchClassifier = (url) =>
  fetchPacked(url, "network", async (buffer) => {
    const net = new Classifier(buffer);
    await accelerate(net.layers);
    const pixels = net.picture.values.map((_, i) => (i * 37) % 256);
    for (let k = 0; k < WARM_UP; k++) {
      net.classify(pixels);
      await new Promise((rest) => setTimeout(rest));
    }
    return net;
  });
