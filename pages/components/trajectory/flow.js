// Points that become noise, and networks that learn the way back: x = α(t) x₀ + σ(t) n for times from
// 0 (points) to 1 (noise), on a line or in the plane. A network learns the slope of that path by t,
// dx/dt = α' x₀ + σ' n (flow matching). core/foundations/point_flows.py is the same in PyTorch, and a
// test holds both to the same numbers. Places lie feature by feature, as network.js has them.

import { Network } from "./network.js";
import { normal, stream, uniform } from "./random.js";

const QUARTER = Math.PI / 2;
const LEAST_VARIANCE = 1e-9; // of points without a width, at t = 0
export const LEAST_TIME = 0.02; // at which a score is told: at 0 there is no noise to guess
export const MOST_BATCH = 1024;
export const PAIRS = 1024; // of noise and what a network drew of it, that are learnt from after a reflow
const PAIR_STEPS = 25; // in which it drew them
const EVALUATED = 2 ** 28; // numbers of streams, beyond those of steps
const EVALUATION = 256;
const OF_PAIRS = EVALUATED + 1; // and one more for each round
export const SHOWN = EVALUATED + 64; // noise and points of the picture
const ANEW = EVALUATED + 128; // noise that is drawn anew, step by step

/** By name: α, σ and their slopes at a time. */
export const PROCESSES = {
  straight: (t) => [1 - t, t, -1, 1],
  preserving: (t) => {
    const [alpha, sigma] = [Math.cos(QUARTER * t), Math.sin(QUARTER * t)];
    return [alpha, sigma, -QUARTER * sigma, QUARTER * alpha];
  },
};

/** A sum of normal distributions, each of one width in all directions. */
export class Mixture {
  /**
   * @param centres feature by feature
   * @param widths σ of each
   * @param shares of each, of a sum of 1
   */
  constructor({ centres, widths, shares }) {
    this.centres = centres;
    this.widths = widths;
    this.count = widths.length;
    this.dimensions = centres.length / this.count;
    this.logShares = Float64Array.from(shares, Math.log);
    let sum = 0;
    this.sums = Float64Array.from(shares, (share) => (sum += share));
    this.exponents = new Float64Array(this.count);
    this.variances = new Float64Array(this.count);
  }

  #which(u) {
    let [low, high] = [0, this.count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (u < this.sums[middle]) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** n points of it, by counter; which numbers are drawn is told by seed and `number`. */
  draw(seed, number, n, out) {
    const { dimensions: d, count, centres, widths } = this;
    const [which, spread] = [stream("split", number), stream("points", number)];
    for (let p = 0; p < n; p++) {
      const i = this.#which(uniform(seed, which, p));
      for (let k = 0; k < d; k++) {
        out[k * n + p] = centres[k * count + i] + (widths[i] ? widths[i] * normal(seed, spread, p * d + k) : 0);
      }
    }
    return out;
  }

  /**
   * What is expected at noisy places at a time: `image`, E[x₀ | x], and `noise`, E[n | x], which is −σ
   * times the slope of log p(x) (Tweedie's formula). Both are written feature by feature.
   * @param scales of a process at that time
   * @param logs where log p(x) is written, or null
   */
  expected([alpha, sigma], x, n, image, noise, logs = null) {
    const { dimensions: d, count, centres, widths, logShares, exponents, variances } = this;
    for (let i = 0; i < count; i++) {
      variances[i] = Math.max(alpha * alpha * widths[i] * widths[i] + sigma * sigma, LEAST_VARIANCE);
    }
    for (let p = 0; p < n; p++) {
      let top = -Infinity;
      for (let i = 0; i < count; i++) {
        let squares = 0;
        for (let k = 0; k < d; k++) {
          const off = x[k * n + p] - alpha * centres[k * count + i];
          squares += off * off;
        }
        const v = variances[i];
        const exponent = logShares[i] - 0.5 * (d * Math.log(2 * Math.PI * v) + squares / v);
        exponents[i] = exponent;
        if (exponent > top) top = exponent;
      }
      let total = 0;
      for (let k = 0; k < d; k++) image[k * n + p] = noise[k * n + p] = 0;
      for (let i = 0; i < count; i++) {
        const behind = exponents[i] - top;
        if (behind < -40) continue; // below rounding
        const weight = Math.exp(behind);
        total += weight;
        const [kept, v] = [alpha * widths[i] * widths[i], variances[i]];
        for (let k = 0; k < d; k++) {
          const centre = centres[k * count + i];
          const off = (x[k * n + p] - alpha * centre) / v;
          image[k * n + p] += weight * (centre + kept * off);
          noise[k * n + p] += weight * sigma * off;
        }
      }
      for (let k = 0; k < d; k++) {
        image[k * n + p] /= total;
        noise[k * n + p] /= total;
      }
      if (logs) logs[p] = top + Math.log(total);
    }
  }
}

/** What is known of noisy places: exactly, as one knows the points. */
export class ExactField {
  constructor(mixture, process) {
    this.mixture = mixture;
    this.scales = PROCESSES[process];
    this.dimensions = mixture.dimensions;
  }

  /** The points and the noise that are expected at places x at a time. */
  look(t, x, n, image, noise) {
    this.mixture.expected(this.scales(t), x, n, image, noise);
  }
}

/** What a network takes noisy places for, from the velocity that it says. */
export class NetworkField {
  constructor(network, process, weights) {
    this.network = network;
    this.scales = PROCESSES[process];
    this.weights = weights;
    this.dimensions = network.settings.outputs;
    this.fed = new Float64Array(network.settings.inputs * network.room);
  }

  look(t, x, n, image, noise) {
    const { network, fed, dimensions: d } = this;
    const [alpha, sigma, alphaSlope, sigmaSlope] = this.scales(t);
    fed.set(x.subarray(0, d * n));
    fed.fill(2 * t - 1, d * n, (d + 1) * n);
    const said = network.forward(this.weights, fed, n);
    const by = alpha * sigmaSlope - sigma * alphaSlope;
    for (let i = 0; i < d * n; i++) {
      image[i] = (sigmaSlope * x[i] - sigma * said[i]) / by;
      noise[i] = (alpha * said[i] - alphaSlope * x[i]) / by;
    }
  }
}

/** Of a field at a time: `velocity`, dx/dt, or `score`, the slope of log p(x). */
export function arrows(field, kind, time, x, n) {
  const t = kind === "score" ? Math.max(time, LEAST_TIME) : time;
  const all = field.dimensions * n;
  const [image, noise, out] = [0, 1, 2].map(() => new Float64Array(all));
  const [, sigma, alphaSlope, sigmaSlope] = field.scales(t);
  field.look(t, x, n, image, noise);
  for (let i = 0; i < all; i++) {
    out[i] = kind === "score" ? -noise[i] / sigma : alphaSlope * image[i] + sigmaSlope * noise[i];
  }
  return out;
}

/** Normal noise of n places, by counter. */
export function drawNoise(seed, number, n, d, out = new Float64Array(n * d)) {
  const of = stream("noise", number);
  for (let p = 0; p < n; p++) for (let k = 0; k < d; k++) out[k * n + p] = normal(seed, of, p * d + k);
  return out;
}

/** The level of the noise that a step draws anew (Song et al. 2021, equation 16). */
function newNoise([alpha, sigma], [alphaThen, sigmaThen]) {
  const ratio = (alpha * sigmaThen) / (alphaThen * sigma);
  return sigmaThen * Math.sqrt(Math.max(1 - ratio * ratio, 0));
}

/** The ways of n places out of noise, worked at piece by piece. */
export class Paths {
  /**
   * @param start noise, feature by feature
   * @param how `steps`, `anew` (whether the noise is drawn anew in each), and `seed` of that
   */
  constructor(field, start, { steps, anew = false, seed = 0 }) {
    const d = field.dimensions;
    Object.assign(this, { field, steps, anew, seed, n: start.length / d, d, done: 0 });
    this.places = [Float64Array.from(start)]; // after each step
    this.image = new Float64Array(start.length);
    this.noise = new Float64Array(start.length);
  }

  get finished() {
    return this.done === this.steps;
  }

  get last() {
    return this.places.at(-1);
  }

  /** Steps until a time of the clock has come, at least one. */
  work(until = Infinity, now = () => 0) {
    do this.#step(); while (!this.finished && now() < until);
    return this;
  }

  /** All steps. */
  walk() {
    return this.finished ? this : this.work();
  }

  #step() {
    const { field, steps, image, noise, n, d, done, last: x } = this;
    const [t, then] = [1 - done / steps, 1 - (done + 1) / steps];
    const [here, there] = [field.scales(t), field.scales(then)];
    field.look(t, x, n, image, noise);
    const fresh = this.anew ? newNoise(here, there) : 0;
    const kept = Math.sqrt(Math.max(there[1] ** 2 - fresh ** 2, 0));
    const next = new Float64Array(x.length);
    for (let i = 0; i < next.length; i++) next[i] = there[0] * image[i] + kept * noise[i];
    if (fresh > 0) {
      const of = stream("noise", ANEW + done);
      for (let p = 0; p < n; p++) {
        for (let k = 0; k < d; k++) next[k * n + p] += fresh * normal(this.seed, of, p * d + k);
      }
    }
    this.places.push(next);
    this.done += 1;
  }

  /** Where they are at a time, on straight lines between the steps. */
  at(t, out = new Float64Array(this.n * this.d)) {
    const place = Math.min((1 - t) * this.steps, this.done);
    const step = Math.min(Math.floor(place), Math.max(this.done - 1, 0));
    const share = place - step;
    const [from, to] = [this.places[step], this.places[Math.min(step + 1, this.done)]];
    for (let i = 0; i < out.length; i++) out[i] = from[i] + share * (to[i] - from[i]);
    return out;
  }

  /** How much longer the ways are than the lines from their beginnings to their ends: 1 is straight. */
  get detour() {
    const { places, n, d } = this;
    const far = (a, b, p) => {
      let squares = 0;
      for (let k = 0; k < d; k++) squares += (a[k * n + p] - b[k * n + p]) ** 2;
      return Math.sqrt(squares);
    };
    let [way, line] = [0, 0];
    for (let p = 0; p < n; p++) {
      for (let step = 1; step < places.length; step++) way += far(places[step - 1], places[step], p);
      line += far(places[0], this.last, p);
    }
    return way / line;
  }
}

/**
 * The ways of points into noise, in steps of which each adds noise to what the one before left: at
 * every time they are spread as α x₀ + σ n. `places[k]` is at the time k / steps.
 */
export function noised(points, process, { steps, n, d, seed }) {
  const places = [Float64Array.from(points)];
  for (let step = 0; step < steps; step++) {
    const [here, there] = [step, step + 1].map((k) => PROCESSES[process](k / steps));
    const kept = there[0] / here[0];
    const added = Math.sqrt(Math.max(there[1] ** 2 - (kept * here[1]) ** 2, 0));
    const of = stream("noise", ANEW + 256 + step);
    const next = new Float64Array(points.length);
    for (let p = 0; p < n; p++) {
      for (let k = 0; k < d; k++) {
        next[k * n + p] = kept * places[step][k * n + p] + added * normal(seed, of, p * d + k);
      }
    }
    places.push(next);
  }
  return places;
}

/** The mean distance from a place of one set to a place of another of as many. */
export function meanDistance(a, b, n, d) {
  let sum = 0;
  for (let p = 0; p < n; p++) {
    for (let q = 0; q < n; q++) {
      let squares = 0;
      for (let k = 0; k < d; k++) squares += (a[k * n + p] - b[k * n + q]) ** 2;
      sum += Math.sqrt(squares);
    }
  }
  return sum / (n * n);
}

/** The energy distance of two sets of as many places (Székely and Rizzo 2013), 0 for the same set. */
export const energyDistance = (a, b, n, d) =>
  2 * meanDistance(a, b, n, d) - meanDistance(a, a, n, d) - meanDistance(b, b, n, d);

/** What a trajectory learns: batches by counter, so that a step depends on its number alone. */
export class FlowProblem {
  #taught = []; // pairs of the last teachers, each {weights, round, noise, image}

  /**
   * @param network settings of `Network`: a place and the time in, a velocity out
   * @param process a name in `PROCESSES`
   * @param mixture see `Mixture`
   */
  constructor({ network, process, mixture }) {
    this.settings = network;
    this.process = process;
    this.mixture = new Mixture(mixture);
    this.dimensions = this.mixture.dimensions;
    this.network = new Network(network, MOST_BATCH);
    this.size = this.network.size;
    this.running = 1 + this.size; // how many reflows there were, and the weights at the last one
    this.watched = 0;
    const room = (rows) => new Float64Array(rows * MOST_BATCH);
    const d = this.dimensions;
    Object.assign(this, { x: room(d + 1), y: room(d), image: room(d), noise: room(d) });
    this.teacher = null;
  }

  initial() {
    return this.network.initial();
  }

  initialRunning() {
    return new Float64Array(this.running);
  }

  exact() {
    return false;
  }

  /** A change of `reflow` takes the present weights as the teacher of what follows. */
  gradient(weights, step, { batch, l1, l2, reflow }, out, running) {
    const n = Math.min(batch || 256, MOST_BATCH);
    const before = running[0] === reflow;
    this.teacher = reflow ? { round: reflow, weights: before ? running.subarray(1) : weights } : null;
    this.#batch(step, n, this.teacher);
    return this.network.gradient(weights, this.x, this.y, n, { dropout: null, l1, l2 }, out);
  }

  nextRunning(running, next) {
    next.fill(0);
    if (!this.teacher) return;
    next[0] = this.teacher.round;
    next.set(this.teacher.weights, 1);
  }

  /** Noisy places and their velocities; times go evenly from 0 to 1, from an offset that is drawn. */
  #batch(number, n, teacher) {
    const { x, y, image, noise, dimensions: d } = this;
    const { seed } = this.settings;
    if (teacher) this.#gather(number, n, this.#pairs(teacher));
    else {
      this.mixture.draw(seed, number, n, image);
      drawNoise(seed, number, n, d, noise);
    }
    const offset = uniform(seed, stream("order", number), 0);
    for (let p = 0; p < n; p++) {
      const t = (p / n + offset) % 1;
      const [alpha, sigma, alphaSlope, sigmaSlope] = PROCESSES[this.process](t);
      for (let i = p; i < d * n; i += n) {
        x[i] = alpha * image[i] + sigma * noise[i];
        y[i] = alphaSlope * image[i] + sigmaSlope * noise[i];
      }
      x[d * n + p] = 2 * t - 1;
    }
  }

  #gather(number, n, pairs) {
    const { seed } = this.settings;
    for (let p = 0; p < n; p++) {
      const i = Math.floor(uniform(seed, stream("split", number), p) * PAIRS);
      for (let k = 0; k < this.dimensions; k++) {
        this.image[k * n + p] = pairs.image[k * PAIRS + i];
        this.noise[k * n + p] = pairs.noise[k * PAIRS + i];
      }
    }
  }

  /** Noise, and what the teacher draws of it. */
  #pairs({ round, weights }) {
    const same = (one) => one.round === round && one.weights.every((w, i) => w === weights[i]);
    const known = this.#taught.find(same);
    if (known) return known;
    const { seed } = this.settings;
    const noise = drawNoise(seed, OF_PAIRS + round, PAIRS, this.dimensions);
    const field = new NetworkField(this.network, this.process, weights);
    const { last } = new Paths(field, noise, { steps: PAIR_STEPS }).walk();
    this.#taught = [{ round, weights: weights.slice(), noise, image: last }, ...this.#taught].slice(0, 4);
    return this.#taught[0];
  }

  /** The loss on noisy places that are the same at every step. */
  measure(weights, running) {
    const { x, y, dimensions: d } = this;
    this.#batch(EVALUATED, EVALUATION, running[0] ? { round: running[0], weights: running.subarray(1) } : null);
    const z = this.network.forward(weights, x, EVALUATION);
    let sum = 0;
    for (let i = 0; i < d * EVALUATION; i++) sum += (z[i] - y[i]) ** 2;
    return { train: sum / (d * EVALUATION), test: NaN };
  }

  measureTest() {
    return NaN;
  }

  watch() {}

  /** The loss of the exact field on those places, below which no network gets in the long run. */
  floor() {
    const { x, y, dimensions: d } = this;
    const n = EVALUATION;
    this.#batch(EVALUATED, n, null);
    const [place, image, noise] = [0, 1, 2].map(() => new Float64Array(d));
    let sum = 0;
    for (let p = 0; p < n; p++) {
      const scales = PROCESSES[this.process]((x[d * n + p] + 1) / 2);
      for (let k = 0; k < d; k++) place[k] = x[k * n + p];
      this.mixture.expected(scales, place, 1, image, noise);
      for (let k = 0; k < d; k++) sum += (scales[2] * image[k] + scales[3] * noise[k] - y[k * n + p]) ** 2;
    }
    return sum / (d * n);
  }
}
