// Reads the weights of a run as they are kept: safetensors, in half precision, or in eight bits with
// a scale a row (core/runs/weights.py).

import { fetchBytes } from "./common.js";

const SCALE = ".scale";

/** Half precision as single: by a table of all 65,536 numbers, made once. */
let halves = null;
export function fromHalf(bits) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let i = 0; i < 65536; i++) {
      const exponent = (i >> 10) & 31, fraction = i & 1023, sign = i & 32768 ? -1 : 1;
      halves[i] = exponent === 31
        ? (fraction ? NaN : sign * Infinity)
        : sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
    }
  }
  return Float32Array.from(bits, (b) => halves[b]);
}

const READ = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => fromHalf(new Uint16Array(bytes)),
  I8: (bytes) => Float32Array.from(new Int8Array(bytes)),
};

/**
 * @param {ArrayBuffer} buffer
 * @returns {Object<string, {shape: number[], values: Float32Array}>} the weights by name, as
 *   PyTorch lays them out. Throws a sentence for what is no such file.
 */
export function read(buffer) {
  const told = {};
  try {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    delete header.__metadata__;
    for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header))
      told[name] = { shape, values: READ[dtype](buffer.slice(8 + length + from, 8 + length + to)) };
  } catch {
    throw new Error("The weights arrived damaged.");
  }
  for (const name of Object.keys(told).filter((n) => n + SCALE in told)) {
    const { values, shape } = told[name], scales = told[name + SCALE].values;
    const row = values.length / shape[0];
    for (let i = 0; i < values.length; i++) values[i] *= scales[Math.floor(i / row)];
    delete told[name + SCALE];
  }
  return told;
}

/** The weights of a run at an address; rejects with a sentence. */
export async function fetchWeights(url) {
  const buffer = await fetchBytes(url, "network");
  if (!buffer) throw new Error("The network did not arrive whole.");
  return read(buffer);
}
