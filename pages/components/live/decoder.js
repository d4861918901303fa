// Runs a decoder that core/inference/browser_decoder.py has packed.

import { accelerate } from "../fast_layers.js";
import { compute, fetchPacked, sigmoid, unpack } from "../layers.js";

const OUTPUTS = { sigmoid, tanh: (v) => (Math.tanh(v) + 1) / 2 };

export class Decoder {
  constructor(buffer) {
    Object.assign(this, unpack(buffer)); // latent, classes, output, shape, layers
    if (!(this.output in OUTPUTS)) throw new Error(`unknown output ${this.output}`);
    this.input = new Float32Array(this.latent + this.classes);
    this.ms = Infinity; // that the fastest decoding so far took
  }

  /** The picture of a code under a class, as bytes (H, W, C); a new array each time. */
  decode(code, label) {
    const begin = performance.now();
    this.input.fill(0);
    this.input.set(code);
    if (this.classes) this.input[this.latent + label] = 1;
    const x = compute(this.layers, this.input);
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

const WARM_UP = 4; // decodes before the first that is seen, which would take five times as long

/** The decoder at an address, fetched once. Rejects with a sentence. */
export const fetchDecoder = (url) =>
  fetchPacked(url, "decoder", async (buffer) => {
    const decoder = new Decoder(buffer);
    await accelerate(decoder.layers);
    for (const layer of decoder.layers) if (layer.run) layer.weight = null; // they are copied
    for (let k = 0; k < WARM_UP; k++) {
      decoder.decode(new Float32Array(decoder.latent).fill(1), 0);
      await new Promise((rest) => setTimeout(rest));
    }
    return decoder;
  });
