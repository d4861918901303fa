// Random numbers by counter: Philox 2×32-10 (Salmon et al. 2011). A number depends on seed, stream
// and place alone, so that any step can be computed again. core/counter_random.py gives
// the same.

const ROUNDS = 10;
const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;
const STREAMS = 8;
const LOW = MULTIPLIER & 0xffff;
const HIGH = MULTIPLIER >>> 16;
const words = new Uint32Array(2); // what the last call of philox gave

/** What a stream is for; with a number (a layer, an epoch, a step) it is one of many. */
export const stream = (name, number = 0) =>
  (["weights", "order", "dropout", "points", "noise", "split", "sparse"].indexOf(name) +
    STREAMS * number) >>> 0;

/** Two words of 32 bits from a counter of two words and a key. */
export function philox(first, second, key) {
  let x = first >>> 0;
  let y = second >>> 0;
  let k = key >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    // x times the multiplier, in 64 bits, from halves
    const low = x & 0xffff;
    const high = x >>> 16;
    const middle = high * LOW + ((low * LOW) >>> 16);
    const cross = low * HIGH + (middle & 0xffff);
    const above = high * HIGH + Math.floor(middle / 65536) + Math.floor(cross / 65536);
    const product = Math.imul(x, MULTIPLIER);
    x = (above ^ k ^ y) >>> 0;
    y = product >>> 0;
    k = (k + WEYL) >>> 0;
  }
  words[0] = x;
  words[1] = y;
  return words;
}

/** The number at a place of a stream, in [0, 1), with 53 bits. */
export function uniform(seed, of, place) {
  philox(place, of, seed);
  return ((words[0] >>> 5) * 67108864 + (words[1] >>> 6)) / 9007199254740992;
}

/** The number at a place of a stream, normally distributed (Box and Muller 1958). */
export function normal(seed, of, place) {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, of, 2 * place)));
  return radius * Math.cos(2 * Math.PI * uniform(seed, of, 2 * place + 1));
}

/** The numbers from 0 to n - 1, shuffled: by the size of a random number for each. */
export function order(seed, of, n) {
  const keys = Float64Array.from({ length: n }, (_, i) => uniform(seed, of, i));
  return Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => keys[a] - keys[b] || a - b);
}
