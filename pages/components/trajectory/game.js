// A game of two players on points in the plane: a generator G that makes points of noise, and a
// discriminator D that is shown real points and its fakes (Goodfellow et al. 2014). A step is some
// steps of D and one of G. core/foundations/point_gans.py is the same in PyTorch, and a test holds
// both to the same numbers. Places lie feature by feature, as network.js has them.

import { MOST_BATCH, Mixture, drawNoise } from "./flow.js";
import { Network } from "./network.js";
import { OPTIMISERS } from "./optimisers.js";
import { stream, uniform } from "./random.js";

export const MOST_TURNS = 10; // steps of D for one of G
export const MOST_AHEAD = 10;
export const FAR = 1e6; // a score or a fake beyond it is no number to play with
const EVALUATED = 2 ** 28; // numbers of streams, beyond those of steps
export const EVALUATION = 512; // fakes that modes are counted of
export const FRESH = EVALUATED + 1; // the real points beside them
export const SHARE = 0.25; // of what a mode is due, which counts as found
export const LEAST_RADIUS = 0.1;
const SMALL = 1e-12; // under a root
const D = 2;

const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/**
 * By name, of a score s: what D makes small for real points and for fakes, what G makes small for its
 * fakes; of each the value, the slope, and of D's the slope of the slope.
 */
export const GAMES = {
  gan: {
    title: "GAN, non-saturating",
    real: [(s) => softplus(-s), (s) => -sigmoid(-s), (s) => sigmoid(s) * sigmoid(-s)],
    fake: [softplus, sigmoid, (s) => sigmoid(s) * sigmoid(-s)],
    generator: [(s) => softplus(-s), (s) => -sigmoid(-s)],
  },
  lsgan: {
    title: "Least squares",
    real: [(s) => 0.5 * (s - 1) ** 2, (s) => s - 1, () => 1],
    fake: [(s) => 0.5 * s * s, (s) => s, () => 1],
    generator: [(s) => 0.5 * (s - 1) ** 2, (s) => s - 1],
  },
  wgan: {
    title: "Wasserstein, clipped weights",
    real: [(s) => -s, () => -1, () => 0],
    fake: [(s) => s, () => 1, () => 0],
    generator: [(s) => -s, () => -1],
  },
  wgan_gp: {
    title: "Wasserstein, gradient penalty",
    real: [(s) => -s, () => -1, () => 0],
    fake: [(s) => s, () => 1, () => 0],
    generator: [(s) => -s, () => -1],
  },
};

/** Whether D is looked ahead: with the penalty that would need third derivatives. */
export const looksAhead = ({ game, ahead }) => ahead > 0 && game !== "wgan_gp";

/** The generator's network beside the discriminator's, of settings that both share. */
export const playersOf = ({ latent, hidden_g: generator, hidden_d: discriminator, activation, seed }) => {
  const shared = { activation, initialisation: "xavier_normal", scale: 0.5, bias: 0, batch_norm: false, loss: "mse" };
  return {
    discriminator: { ...shared, inputs: D, hidden: discriminator, outputs: 1, seed: 2 ** 31 - 1 - seed },
    generator: { ...shared, inputs: latent, hidden: generator, outputs: D, seed },
  };
};

/** The centres of a mixture that differ, in their order, as `[x, y]`. */
export function modesOf({ centres, widths }) {
  const n = widths.length;
  const found = new Map();
  for (let i = 0; i < n; i++) found.set(`${centres[i]} ${centres[n + i]}`, [centres[i], centres[n + i]]);
  return { places: [...found.values()], radius: Math.max(3 * Math.max(...widths), LEAST_RADIUS) };
}

/**
 * How many modes places reach, and what share of the places is near one: within the radius of the
 * nearest. A mode is found where its places are `SHARE` of an even share at least.
 */
export function reached({ places, radius }, x, n) {
  const counts = new Array(places.length).fill(0);
  let near = 0;
  for (let p = 0; p < n; p++) {
    let [best, least] = [-1, radius * radius];
    for (let i = 0; i < places.length; i++) {
      const squares = (x[p] - places[i][0]) ** 2 + (x[n + p] - places[i][1]) ** 2;
      if (squares <= least) [best, least] = [i, squares];
    }
    if (best < 0) continue;
    counts[best] += 1;
    near += 1;
  }
  const due = (SHARE * n) / places.length;
  return { found: counts.filter((count) => count >= due).length, near: near / n, counts };
}

export class GameProblem {
  /**
   * @param settings `latent`, `hidden_g`, `hidden_d`, `activation`, `seed`
   * @param mixture of the real points, see `Mixture` in flow.js
   * @param room places at once, at most
   */
  constructor({ network: settings, mixture }, room = 2 * MOST_BATCH) {
    const { discriminator, generator } = playersOf(settings);
    this.settings = settings;
    this.mixture = new Mixture(mixture);
    this.modes = modesOf(mixture);
    this.d = new Network(discriminator, room);
    this.g = new Network(generator, room);
    this.size = this.d.size + this.g.size; // the discriminator's weights come first
    this.running = 2; // steps that each has taken since its slots were emptied
    this.watched = 3; // of the batch: the generator's loss, the mean scores of real points and fakes
    const rows = (count) => new Float64Array(count * MOST_BATCH);
    Object.assign(this, {
      real: rows(D), noise: rows(settings.latent), both: rows(2 * D), mixed: rows(D), slope: rows(D),
      byFake: rows(D), turned: rows(2 * D), reached: new Float64Array(3), drawn: "",
    });
    this.ahead = Array.from({ length: MOST_AHEAD + 1 }, () => new Float64Array(this.d.size));
    this.held = Array.from({ length: MOST_AHEAD }, () => new Uint8Array(this.d.size)); // by the clipping
    [this.along, this.change] = [0, 1].map(() => new Float64Array(this.d.size));
    this.evaluated = drawNoise(settings.seed, EVALUATED, EVALUATION, settings.latent);
  }

  initial() {
    const weights = new Float64Array(this.size);
    weights.set(this.d.initial());
    weights.set(this.g.initial(), this.d.size);
    return weights;
  }

  initialRunning() {
    return new Float64Array(this.running);
  }

  exact() {
    return false;
  }

  nextRunning(running, next) {
    next.set(running);
  }

  /** The weights of both, or numbers that lie like them. */
  parts(flat) {
    return [flat.subarray(0, this.d.size), flat.subarray(this.d.size)];
  }

  // ---- a batch

  /** Real points and noise by counter, and the mix of real points and fakes for the penalty. */
  #draw(number, n) {
    const of = `${number} ${n}`;
    if (this.drawn === of) return;
    this.drawn = of;
    const { seed, latent } = this.settings;
    this.mixture.draw(seed, number, n, this.real);
    drawNoise(seed, number, n, latent, this.noise);
  }

  /** Real points, then what G makes of the noise. */
  #show(weights, n) {
    const { both, real } = this;
    const fakes = this.g.forward(weights, this.noise, n);
    for (let k = 0; k < D; k++) {
      both.set(real.subarray(k * n, (k + 1) * n), 2 * k * n);
      both.set(fakes.subarray(k * n, (k + 1) * n), (2 * k + 1) * n);
    }
  }

  /** D's loss on what it is shown, without the penalty; its `delta` is left in D's last layer. */
  #judge(weights, game, n) {
    const { real, fake, generator } = GAMES[game];
    const { delta } = this.d.layers.at(-1);
    const scores = this.d.forward(weights, this.both, 2 * n);
    const { reached: seen } = this;
    let loss = 0;
    seen.fill(0);
    for (let p = 0; p < n; p++) {
      const [r, f] = [scores[p], scores[n + p]];
      loss += real[0](r) + fake[0](f);
      delta[p] = real[1](r) / n;
      delta[n + p] = fake[1](f) / n;
      seen[0] += generator[0](f) / n;
      seen[1] += r / n;
      seen[2] += f / n;
    }
    return loss / n;
  }

  /** D's loss of a batch that is drawn and shown, and its gradient. */
  #discriminate(weights, number, n, { game, penalty }, out) {
    out.fill(0);
    const loss = this.#judge(weights, game, n);
    this.d.backward(weights, 2 * n, out);
    return game === "wgan_gp" && penalty > 0 ? loss + this.#penalise(weights, number, n, penalty, out) : loss;
  }

  /** λ times the mean of (|∇D| − 1)² between real points and fakes, and its gradient by the weights. */
  #penalise(weights, number, n, penalty, out) {
    const { d, both, mixed, slope: g } = this;
    const of = stream("order", number);
    for (let p = 0; p < n; p++) {
      const share = uniform(this.settings.seed, of, p);
      for (let k = 0; k < D; k++) {
        mixed[k * n + p] = share * both[2 * k * n + p] + (1 - share) * both[(2 * k + 1) * n + p];
      }
    }
    d.forward(weights, mixed, n);
    const last = d.layers.at(-1);
    last.delta.fill(1, 0, n);
    d.backward(weights, n, null, null, g);
    let sum = 0;
    for (let p = 0; p < n; p++) {
      const length = Math.sqrt(g[p] * g[p] + g[n + p] * g[n + p] + SMALL);
      sum += (length - 1) ** 2;
      const by = (2 * penalty * (length - 1)) / (length * n); // of the loss by the slope: g times this
      g[p] *= by;
      g[n + p] *= by;
    }
    d.tangentForward(weights, n, null, g);
    d.turnedOf(last).fill(0, 0, n);
    d.tangentBackward(weights, n, null, out);
    return (penalty * sum) / n;
  }

  // ---- a step

  /** D's loss and gradient at the beginning of a step; G's gradient comes when D has moved. */
  gradient(weights, step, training, out) {
    const n = Math.min(training.batch || 128, MOST_BATCH);
    const [d, g] = this.parts(weights);
    const [byD, byG] = this.parts(out);
    const number = step * MOST_TURNS;
    byG.fill(0);
    this.#draw(number, n);
    this.#show(g, n);
    const loss = this.#discriminate(d, number, n, training, byD);
    return this.#lost(n) ? NaN : loss;
  }

  /** Whether scores or fakes are too far away. */
  #lost(n) {
    const [, real, fake] = this.reached;
    let most = Math.max(Math.abs(real), Math.abs(fake));
    for (let i = 0; i < 2 * D * n; i++) most = Math.max(most, Math.abs(this.both[i]));
    return !(most <= FAR);
  }

  watch(_, out) {
    out.set(this.reached);
  }

  /** D's steps, and then G's. */
  advance({ weights, gradient, slots, step, nextRunning: taken }, training, fresh) {
    const n = Math.min(training.batch || 128, MOST_BATCH);
    const [d, g] = this.parts(weights);
    const [byD, byG] = this.parts(gradient);
    const [ofD, ofG] = [0, 1].map((i) => slots.map((slot) => this.parts(slot)[i]));
    const optimise = OPTIMISERS[training.optimiser].step;
    const turns = training.frozen === "discriminator" ? 0 : training.turns;
    if (fresh) taken.fill(0);
    let number = step * MOST_TURNS;
    for (let turn = 0; turn < turns; turn++) {
      if (turn) {
        number += 1;
        this.#draw(number, n);
        this.#show(g, n);
        this.#discriminate(d, number, n, training, byD);
      }
      taken[0] += 1;
      optimise(d, byD, ofD, { ...training, rate: training.rate_d }, taken[0]);
      if (training.game === "wgan") clip(d, training.weight_clip);
    }
    if (training.frozen === "generator") return;
    this.#draw(number, n);
    this.#show(g, n);
    byG.fill(0);
    if (looksAhead(training)) this.#look(d, n, training);
    else this.#answer(d, n, training.game, null);
    this.g.layers.at(-1).delta.set(this.byFake.subarray(0, D * n));
    this.g.backward(g, n, byG);
    taken[1] += 1;
    optimise(g, byG, ofG, training, taken[1]);
  }

  /** How G's loss changes with its fakes, as D judges them, and with D's weights where `out` is given. */
  #answer(weights, n, game, out) {
    const [, slope] = GAMES[game].generator;
    const fakes = this.#fakes(this.both, n, this.mixed);
    const scores = this.d.forward(weights, fakes, n);
    const { delta } = this.d.layers.at(-1);
    for (let p = 0; p < n; p++) delta[p] = slope(scores[p]) / n;
    out?.fill(0);
    this.d.backward(weights, n, out, null, this.byFake);
  }

  /** The fakes' part of numbers that lie as what D is shown. */
  #fakes(from, n, into) {
    for (let k = 0; k < D; k++) into.set(from.subarray((2 * k + 1) * n, (2 * k + 2) * n), k * n);
    return into;
  }

  /**
   * The same with D some steps of gradient descent ahead, on this batch, and through these steps: how
   * D would answer belongs to G's slope (Metz et al. 2017).
   */
  #look(weights, n, { game, ahead: steps, rate_ahead: rate, weight_clip: most }) {
    const { ahead, along, change, turned, byFake, d } = this;
    ahead[0].set(weights);
    for (let k = 0; k < steps; k++) {
      const next = ahead[k + 1];
      change.fill(0);
      this.#judge(ahead[k], game, n);
      d.backward(ahead[k], 2 * n, change);
      for (let i = 0; i < next.length; i++) next[i] = ahead[k][i] - rate * change[i];
      if (game !== "wgan") continue;
      for (let i = 0; i < next.length; i++) this.held[k][i] = Math.abs(next[i]) > most;
      clip(next, most);
    }
    this.#answer(ahead[steps], n, game, along);
    const { real, fake } = GAMES[game];
    const last = d.layers.at(-1);
    for (let k = steps - 1; k >= 0; k--) {
      if (game === "wgan") { // what was clipped does not move
        for (let i = 0; i < along.length; i++) if (this.held[k][i]) along[i] = 0;
      }
      this.#judge(ahead[k], game, n);
      d.backward(ahead[k], 2 * n, null);
      const moved = d.tangentForward(ahead[k], 2 * n, along, null);
      const bend = d.turnedOf(last);
      const scores = last.outputsOf;
      for (let p = 0; p < n; p++) {
        bend[p] = (real[2](scores[p]) * moved[p]) / n;
        bend[n + p] = (fake[2](scores[n + p]) * moved[n + p]) / n;
      }
      change.fill(0);
      d.tangentBackward(ahead[k], 2 * n, along, change, turned);
      for (let i = 0; i < along.length; i++) along[i] -= rate * change[i];
      const byFakes = this.#fakes(turned, n, this.mixed);
      for (let i = 0; i < D * n; i++) byFake[i] -= rate * byFakes[i];
    }
  }

  // ---- what is seen of it

  /** What G makes of noise, feature by feature: a view, until the next pass. */
  generate(weights, noise, n) {
    return this.g.forward(this.parts(weights)[1], noise, n);
  }

  /** D's scores of places: a view, until the next pass. */
  scores(weights, places, n) {
    return this.d.forward(this.parts(weights)[0], places, n);
  }

  /** Where G's loss sends each of n fakes as D judges them now: against its slope, times n. */
  pulls(weights, fakes, n, game, out = new Float64Array(D * n)) {
    const [, slope] = GAMES[game].generator;
    const [d] = this.parts(weights);
    const scores = this.d.forward(d, fakes, n);
    const { delta } = this.d.layers.at(-1);
    for (let p = 0; p < n; p++) delta[p] = -slope(scores[p]);
    this.d.backward(d, n, null, null, out);
    return out;
  }

  /** Modes found and the share of fakes near one, of the same noise at every step. */
  measure(weights) {
    const fakes = this.generate(weights, this.evaluated, EVALUATION);
    const { found, near } = reached(this.modes, fakes, EVALUATION);
    return { train: found, test: near };
  }

  measureTest() {
    return NaN;
  }
}

/** Weights within ± most (Arjovsky et al. 2017). */
function clip(weights, most) {
  for (let i = 0; i < weights.length; i++) weights[i] = Math.min(Math.max(weights[i], -most), most);
}
