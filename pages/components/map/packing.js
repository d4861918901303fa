// The arrays that packing.py has packed.

const KINDS_OF_ARRAY = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

const KEPT_ARRAYS = 24;
const arrived = new Map();

/** Fetch packed arrays; null where all are here. Rejects with a sentence. */
export function fetchArrays(packed) {
  const [here, missing] = [[], []];
  for (const array of packed) if (array) (arrived.has(array.url) ? here : missing).push(array);
  for (const { url } of here) { // the last to go
    const buffer = arrived.get(url);
    arrived.delete(url);
    arrived.set(url, buffer);
  }
  if (!missing.length) return null;
  const one = async ({ url }) => {
    const answer = await fetch(url).catch(() => null);
    if (!answer?.ok) throw new Error("The map did not arrive. Reload the page.");
    arrived.set(url, await answer.arrayBuffer());
    if (arrived.size > KEPT_ARRAYS) arrived.delete(arrived.keys().next().value);
  };
  return Promise.all(missing.map(one));
}

/** The numbers of an array that is here. */
export function unpack({ kind, url }) {
  return new KINDS_OF_ARRAY[kind](arrived.get(url));
}

/** The points' coordinates, an array for each dimension. */
export function unpackPoints(packed) {
  const { dimensions, low, width } = packed, all = unpack(packed);
  return Array.from({ length: dimensions }, (_, d) => {
    const axis = new Float64Array(all.length / dimensions);
    for (let i = 0; i < axis.length; i++) {
      const v = all[i * dimensions + d];
      axis[i] = low ? low[d] + (v / 65535) * width[d] : v;
    }
    return axis;
  });
}
