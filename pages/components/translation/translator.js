// Two generators that core/inference/browser_classifier.py has packed (`pack_translator`): from one set
// of pictures to another, and back. Pictures are HWC, in [-1, 1].

import { accelerate } from "../fast_layers.js";
import { compute, unpack } from "../layers.js";
import { normal, stream } from "../trajectory/random.js";

const WARM_UP = 4; // translations before the first that is seen, which would take five times as long
const NO_NUMBER = "The network gave something that is no number: there is no picture of that.";

export class Translator {
  constructor(buffer) {
    const { shape, there, layers } = unpack(buffer);
    if (!(there > 0 && there < layers.length)) throw new Error("no two generators");
    Object.assign(this, { shape, layers });
    this.generators = [layers.slice(0, there), layers.slice(there)];
  }

  /** A picture of the other set; `direction` 0 goes from the first set to the second, 1 back. */
  translate(x, direction) {
    const y = compute(this.generators[direction], x);
    if (!y.every(Number.isFinite)) throw new Error(NO_NUMBER);
    return Float32Array.from(y);
  }

  /**
   * A picture there and back, as bytes (H, W, C), with how near the way back comes.
   * @param {{pixels: Uint8Array, direction: number, noise: number, seed: number}} asked `noise`: the
   * standard deviation, in steps of 255, of what is added to the translation before the way back
   */
  roundTrip({ pixels, direction, noise = 0, seed = 0 }) {
    const x = Float32Array.from(pixels, (v) => v / 127.5 - 1);
    const there = this.translate(x, direction), back = this.translate(there, 1 - direction);
    const found = { there: toBytes(there), back: toBytes(back), psnr: psnr(x, back) };
    if (!noise) return found;
    const spoilt = noisy(there, noise, seed), lost = this.translate(spoilt, 1 - direction);
    return { ...found, spoilt: toBytes(spoilt), lost: toBytes(lost), lostPsnr: psnr(x, lost) };
  }
}

/** Numbers in [-1, 1] as bytes. */
export const toBytes = (values) => Uint8ClampedArray.from(values, (v) => 127.5 * v + 127.5);

/** Noise of a standard deviation, in steps of 255, on a picture in [-1, 1]; cut at its limits. */
export function noisy(x, level, seed) {
  const of = stream("noise");
  return x.map((v, i) => Math.min(Math.max(v + (2 * level / 255) * normal(seed, of, i), -1), 1));
}

/** Decibels of the squared error of a picture in [-1, 1] that is cut at its limits; Infinity where
 * there is none. */
export function psnr(x, y) {
  let squares = 0;
  for (let i = 0; i < x.length; i++) squares += (x[i] - Math.min(Math.max(y[i], -1), 1)) ** 2;
  return 10 * Math.log10(4 * x.length / squares);
}

/** The generators of packed bytes. Rejects where they are damaged. */
export async function readTranslator(buffer) {
  const translator = new Translator(buffer);
  await accelerate(translator.layers);
  for (const layer of translator.layers) if (layer.run) layer.weight = null; // they are copied
  const [C, H, W] = translator.shape, pixels = new Uint8Array(H * W * C);
  for (let k = 0; k < WARM_UP; k++) translator.roundTrip({ pixels, direction: k % 2 });
  return translator;
}
