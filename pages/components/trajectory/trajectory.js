// A trajectory: a problem, settings of training, and the steps taken. The same settings and step
// give the same bits, so that any step can be gone back to: from the snapshot before it, the steps
// between are computed again.

import { MOST_SLOTS, OPTIMISERS, clipped } from "./optimisers.js";

export const MAX_STEPS = 100_000;
export const SNAPSHOT_BYTES = 12_000_000;
const FIRST_STRIDE = 8;
const EVERY_STEP = 200;
const LATER = 10;

/** What a trainer may choose, and may change at any step. */
export const TRAINING = {
  optimiser: "sgd", rate: 0.1, momentum: 0.9, alpha: 0.99, beta1: 0.9, beta2: 0.999, batch: 0, clip: 0, l1: 0, l2: 0, dropout: 0,
  reflow: 0, // how often noise was paired with what the network draws, see flow.js
  // of two players, see game.js; the generator's rate is `rate`
  game: "gan", rate_d: 0.1, turns: 1, frozen: "none", weight_clip: 0.1, penalty: 1, ahead: 0, rate_ahead: 0.1,
};

/** Whether losses over all points are kept of a step: of every one at first, then of each tenth. */
export const isMeasured = (step) => step <= EVERY_STEP || step % LATER === 0;

/** Rows of numbers in one array that grows. */
class Rows {
  constructor(width) {
    this.width = width;
    this.count = 0;
    this.numbers = new Float64Array(width * 64);
  }

  add(row) {
    if ((this.count + 1) * this.width > this.numbers.length) {
      const more = new Float64Array(this.numbers.length * 2);
      more.set(this.numbers);
      this.numbers = more;
    }
    this.numbers.set(row, this.count++ * this.width);
  }

  /** The rows from a place on, copied. */
  from(start) {
    return this.numbers.slice(Math.min(start, this.count) * this.width, this.count * this.width);
  }

  until(count) {
    const part = new Rows(this.width);
    part.count = Math.min(count, this.count);
    part.numbers = this.numbers.slice(0, Math.max(this.width * 64, part.count * this.width));
    return part;
  }
}

export class Trajectory {
  #state;
  #snapshots = new Map();
  #stride = FIRST_STRIDE;
  #ready = -1; // the step of which `gradient` is
  #row;

  /**
   * @param problem see problem.js
   * @param training as `TRAINING`; what is missing is taken from there
   * @param edits weights that a hand has set before the first step, each `[index, value]`
   */
  constructor(problem, training, edits = []) {
    const { size, running, watched } = problem;
    this.problem = problem;
    this.segments = [{ from: 0, since: 0, training: { ...TRAINING, ...training }, edits }];
    this.step = 0;
    this.length = 0; // the furthest step that was reached
    this.end = MAX_STEPS; // where it has to end
    this.diverged = null; // the first step of which loss or gradient is no finite number
    this.#state = new Float64Array(size * (1 + MOST_SLOTS) + running); // weights, slots, others
    this.weights = this.#state.subarray(0, size);
    this.slots = [];
    for (let slot = 1; slot <= MOST_SLOTS; slot++) {
      this.slots.push(this.#state.subarray(size * slot, size * (slot + 1)));
    }
    this.running = this.#state.subarray(size * (1 + MOST_SLOTS));
    this.nextRunning = new Float64Array(running);
    this.gradient = new Float64Array(size);
    this.best = { step: 0, loss: Infinity }; // the lowest loss of a batch so far
    this.norm = NaN;
    this.batchLoss = NaN;
    this.rows = new Rows(2 + watched); // of every step: loss of its batch, gradient's norm, watched
    this.measures = new Rows(3); // step, loss of all points, loss of the test points
    this.#row = new Float64Array(2 + watched);
    this.weights.set(problem.initial());
    this.running.set(problem.initialRunning());
    this.#snapshots.set(0, this.#state.slice());
  }

  /** The settings in force at a step. */
  segmentAt(step) {
    let found = this.segments[0];
    for (const segment of this.segments) if (segment.from <= step) found = segment;
    return found;
  }

  /** The settings of the last part, which is the one that can be changed. */
  get training() {
    return this.segments.at(-1).training;
  }

  /** Computes the gradient at the present step, once. False where it is no finite number. */
  prepare() {
    if (this.#ready === this.step) return this.diverged !== this.step;
    const { problem, step, weights, running } = this;
    const { training } = this.segmentAt(step);
    this.#edit();
    const loss = problem.gradient(weights, step, training, this.gradient, running);
    problem.nextRunning(running, this.nextRunning);
    this.norm = clipped(this.gradient, training.clip);
    this.batchLoss = loss;
    this.#ready = step;
    if (!Number.isFinite(loss) || !Number.isFinite(this.norm)) return this.#end();
    if (step >= this.rows.count) this.#record(loss, training);
    return true;
  }

  /** Sets what a hand has set at the present step. */
  #edit() {
    const { from, edits } = this.segmentAt(this.step);
    if (from !== this.step) return;
    for (const [i, value] of edits) if (i < this.weights.length) this.weights[i] = value;
  }

  /** Back to the last finite step, where it ends. */
  #end() {
    this.diverged = this.step;
    this.end = Math.max(this.step - 1, 0);
    this.length = this.end;
    this.at(this.end);
    return false;
  }

  #record(loss, training) {
    const { problem, step } = this;
    this.#row[0] = loss;
    this.#row[1] = this.norm;
    if (problem.watched) problem.watch(this.weights, this.#row.subarray(2));
    this.rows.add(this.#row);
    if (loss < this.best.loss) this.best = { step, loss };
    if (isMeasured(step)) {
      const { train, test } = this.measure(training);
      this.measures.add([step, train, test]);
    }
  }

  /** Losses over all points at the present step: of those learnt from, and of the test points. */
  measure(training = this.segmentAt(this.step).training) {
    const { problem, weights, running } = this;
    if (this.#ready === this.step && problem.exact(training)) {
      return { train: this.batchLoss, test: problem.measureTest(weights, running) };
    }
    return problem.measure(weights, running);
  }

  /** One step. False at the end: it diverged, or there are `MAX_STEPS`. */
  advance() {
    if (this.step >= this.end || !this.prepare()) return false;
    const { training, since } = this.segmentAt(this.step);
    const fresh = since === this.step;
    if (fresh) for (const slot of this.slots) slot.fill(0);
    if (this.problem.advance) this.problem.advance(this, training, fresh);
    else {
      const { step } = OPTIMISERS[training.optimiser];
      step(this.weights, this.gradient, this.slots, training, this.step - since + 1);
    }
    this.running.set(this.nextRunning);
    this.step += 1;
    this.length = Math.max(this.length, this.step);
    if (this.step % this.#stride === 0 && !this.#snapshots.has(this.step)) this.#keep();
    return true;
  }

  #keep() {
    this.#snapshots.set(this.step, this.#state.slice());
    if (this.#snapshots.size * this.#state.byteLength <= SNAPSHOT_BYTES) return;
    this.#stride *= 2;
    for (const step of this.#snapshots.keys()) {
      if (step % this.#stride) this.#snapshots.delete(step);
    }
  }

  /** Goes to a step that was reached before, exactly. */
  at(step) {
    const target = Math.min(Math.max(Math.round(step), 0), this.length);
    let nearest = target - (target % this.#stride);
    while (!this.#snapshots.has(nearest)) nearest -= this.#stride;
    if (target < this.step || nearest > this.step) {
      this.#state.set(this.#snapshots.get(nearest));
      this.step = nearest;
      this.#ready = -1;
    }
    while (this.step < target) this.advance();
    this.#edit();
    return this;
  }

  /**
   * Another trajectory, the same up to a step and with other settings from there on.
   * @param edits weights that a hand has set there, each `[index, value]`
   */
  fork(step, changes, edits = []) {
    const training = { ...this.segmentAt(step).training, ...changes };
    const child = new Trajectory(this.problem, training);
    const before = this.segments.filter(({ from }) => from < step);
    const last = before.at(-1);
    const same = last && last.training.optimiser === training.optimiser;
    const since = same ? last.since : step; // another optimiser begins with empty slots
    const kept = this.segments.find(({ from }) => from === step)?.edits ?? [];
    const set = [...new Map([...kept, ...edits])];
    child.segments = [...before, { from: step, since, training, edits: set }];
    child.#stride = this.#stride;
    child.#snapshots = new Map([...this.#snapshots].filter(([at]) => at <= step));
    child.rows = this.rows.until(step);
    child.#findBest();
    child.measures = this.measures.until(this.#measuresBefore(step));
    child.length = Math.min(step, this.length);
    return child.at(step);
  }

  #findBest() {
    const { numbers, width, count } = this.rows;
    for (let step = 0; step < count; step++) {
      const loss = numbers[step * width];
      if (loss < this.best.loss) this.best = { step, loss };
    }
  }

  #measuresBefore(step) {
    const { numbers, width, count } = this.measures;
    let found = 0;
    while (found < count && numbers[found * width] < step) found++;
    return found;
  }

  /** Bytes that it keeps to go back. */
  get bytes() {
    return (
      this.#snapshots.size * this.#state.byteLength +
      this.rows.numbers.byteLength + this.measures.numbers.byteLength
    );
  }
}
