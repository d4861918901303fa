// What is learnt, as a trajectory sees it: a number of weights, where they begin, a gradient at each
// step, and losses to report. A problem is made from plain data, so that a Worker can be sent it.
//
// A problem has `size` (weights), `running` (other numbers of its state), `watched` (numbers kept of
// every step), `initial()`, `initialRunning()`, `gradient(weights, step, training, out, running) →
// loss`, `nextRunning(running, next)`, `measure(weights, running) → {train, test}`,
// `watch(weights, out)` and `exact(training)`: whether the loss of a step is that of all points. Where
// a step is more than one of an optimiser it has `advance(trajectory, training, fresh)`, too, which sets
// weights, slots and `nextRunning`; `fresh` tells that the slots have just been emptied.

import { FlowProblem } from "./flow.js";
import { GameProblem } from "./game.js";
import { Network } from "./network.js";
import { order, stream } from "./random.js";
import { SurfaceProblem } from "./surfaces.js";

/** The features of some points of many. */
function gather(from, features, n, places, start, count, into) {
  for (let f = 0; f < features; f++) {
    for (let p = 0; p < count; p++) into[f * count + p] = from[f * n + places[start + p]];
  }
}

class NetworkProblem {
  /**
   * @param network settings of `Network`
   * @param train `{x, y}`: x feature by feature, y output by output (a class each for
   *   cross-entropy)
   * @param test the same or null: points that are not learnt from
   */
  constructor({ network, train, test }) {
    this.settings = network;
    this.train = train;
    this.test = test && test.x.length ? test : null;
    this.n = train.x.length / network.inputs;
    this.targets = network.loss === "cross_entropy" ? 1 : network.outputs;
    const tested = this.test ? this.test.x.length / network.inputs : 0;
    this.network = new Network(network, Math.max(this.n, tested, 1));
    this.tested = tested;
    this.size = this.network.size;
    this.running = this.network.running;
    this.watched = this.size <= 2 ? this.size : 0;
    this.dropout = { share: 0, seed: network.seed, step: 0 };
    this.options = { dropout: null, l1: 0, l2: 0 };
    this.epoch = -1; // whose order is known
  }

  initial() {
    return this.network.initial();
  }

  initialRunning() {
    return this.network.initialRunning();
  }

  exact({ batch, dropout }) {
    return !this.#parts(batch) && !dropout && !this.settings.batch_norm;
  }

  /** Whether a batch is less than all points. */
  #parts(batch) {
    return batch > 0 && batch < this.n;
  }

  gradient(weights, step, training, out) {
    const { l1, l2, dropout, batch } = training;
    Object.assign(this.options, { l1, l2, dropout: dropout ? this.dropout : null });
    Object.assign(this.dropout, { share: dropout, step });
    let [{ x, y }, n] = [this.train, this.n];
    if (this.#parts(batch)) {
      ({ x, y } = this.#batch(step, batch));
      n = batch;
    }
    return this.network.gradient(weights, x, y, n, this.options, out);
  }

  /** The batch of a step: an epoch has as many whole ones as there are, in an order of its own. */
  #batch(step, size) {
    const { inputs, seed } = this.settings;
    const batches = Math.floor(this.n / size);
    const epoch = Math.floor(step / batches);
    if (epoch !== this.epoch) {
      this.places = order(seed, stream("order", epoch), this.n);
      this.epoch = epoch;
    }
    if (this.picked?.size !== size) {
      const rooms = [inputs, this.targets].map((count) => new Float64Array(count * size));
      this.picked = { size, x: rooms[0], y: rooms[1] };
    }
    const start = (step % batches) * size;
    gather(this.train.x, inputs, this.n, this.places, start, size, this.picked.x);
    gather(this.train.y, this.targets, this.n, this.places, start, size, this.picked.y);
    return this.picked;
  }

  nextRunning(running, next) {
    this.network.nextRunning(running, next);
  }

  measure(weights, running) {
    const { network, train, test } = this;
    return {
      train: network.loss(weights, running, train.x, train.y, this.n),
      test: this.measureTest(weights, running),
    };
  }

  measureTest(weights, running) {
    const { network, test } = this;
    return test ? network.loss(weights, running, test.x, test.y, this.tested) : NaN;
  }

  watch(weights, out) {
    out.set(weights.subarray(0, this.watched));
  }
}

const KINDS = { flow: FlowProblem, game: GameProblem, network: NetworkProblem, surface: SurfaceProblem };

/** A problem from plain data: `{kind, …}`. */
export const makeProblem = (data) => new KINDS[data.kind](data);
