// What the Worker does: keeps the branches of one problem at one step, and answers messages, each in
// a few milliseconds. Without a Worker the page calls it itself.

import { makeProblem } from "./problem.js";
import { MAX_STEPS, Trajectory } from "./trajectory.js";

export const MAX_BRANCHES = 8;
export const DIVERGED = "it diverged";
const BUDGET = 10; // milliseconds of work for an answer

/** Why a trajectory stops by its rule; null where it goes on, or goes again over what it went. */
export function stopReason({ step, length, best, batchLoss }, { steps = 0, loss = 0, patience = 0 }) {
  if (step < length) return null;
  if (steps && step >= steps) return `after ${steps.toLocaleString("en")} steps`;
  if (loss && batchLoss <= loss) return `the loss is ${loss} or less`;
  if (patience && step - best.step >= patience) {
    return `no gain in ${patience.toLocaleString("en")} steps`;
  }
  return null;
}

export class Session {
  #next = 0; // the number of the next branch

  constructor() {
    this.branches = []; // each {id, trajectory}
    this.active = 0;
    this.step = 0; // where all are going
    this.rule = {};
  }

  /**
   * @param message `{do: name, …}`; the names are the methods below
   * @param now a clock in milliseconds
   */
  handle(message, now = () => performance.now()) {
    const began = now();
    this.stopped = null;
    this.budget = BUDGET;
    this.allowed = 0; // steps beyond the common one
    this[`_${message.do}`](message);
    this.#work(began, now);
    return this.#state(message.known ?? {}, now() - began);
  }

  /**
   * Another problem: the branches are computed again, up to the present step or another.
   * @param branches of each its segments, `{from, training, edits}`
   */
  _problem({ problem, branches, active = this.active, step = this.step, rule = this.rule }) {
    const made = makeProblem(problem);
    this.branches = branches.slice(0, MAX_BRANCHES).map((segments) => this.#branch(made, segments));
    this.active = Math.min(active, this.branches.length - 1);
    this.rule = rule;
    this.#go(step);
  }

  #branch(problem, segments) {
    const trajectory = new Trajectory(problem, segments[0].training, segments[0].edits);
    trajectory.later = segments.slice(1); // segments whose step is not yet reached
    return { id: this.#next++, trajectory };
  }

  #go(step) {
    this.step = Math.min(Math.max(Math.round(step), 0), MAX_STEPS);
    for (const { trajectory } of this.branches) {
      if (trajectory.step > this.step) trajectory.at(this.step);
    }
  }

  /** Other settings of the active branch from its last fork on: those steps are computed again. */
  _train({ training }) {
    const branch = this.branches[this.active];
    const { trajectory } = branch;
    const later = trajectory.later.at(-1);
    if (later) later.training = { ...later.training, ...training };
    else branch.trajectory = trajectory.fork(trajectory.segments.at(-1).from, training);
    branch.trajectory.later = trajectory.later;
    branch.id = this.#next++;
  }

  /** Other settings of the active branch from the present step on; what it did beyond is forgotten. */
  _turn({ training }) {
    const branch = this.branches[this.active];
    const { trajectory } = branch;
    this.#go(trajectory.step);
    branch.trajectory = trajectory.fork(trajectory.step, training);
    branch.trajectory.later = [];
    branch.id = this.#next++;
  }

  /** A branch that is the active one up to the present step, and may go another way from here. */
  _fork() {
    if (this.branches.length >= MAX_BRANCHES) return;
    const { trajectory } = this.branches[this.active];
    this.#go(trajectory.step);
    const child = trajectory.fork(trajectory.step, {});
    child.later = [];
    this.branches.push({ id: this.#next++, trajectory: child });
    this.active = this.branches.length - 1;
  }

  /**
   * Weights set by hand at the present step: on a branch of its own, unless the active one begins
   * here or there is no room for another.
   */
  _edit({ edits }) {
    const { segments, step, length } = this.branches[this.active].trajectory;
    if (segments.at(-1).from !== step || length > step) this._fork();
    const branch = this.branches[this.active];
    branch.trajectory = branch.trajectory.fork(step, {}, edits);
    branch.trajectory.later = [];
    branch.id = this.#next++;
  }

  _pick({ branch }) {
    this.active = Math.min(Math.max(branch, 0), this.branches.length - 1);
  }

  _drop({ branch }) {
    if (this.branches.length < 2) return;
    this.branches.splice(branch, 1);
    if (this.active >= branch && this.active > 0) this.active -= 1;
  }

  /** So many steps on, or as many as can be taken in a time, until the rule ends it. */
  _advance({ steps = 0, milliseconds = 0 }) {
    this.budget = milliseconds || BUDGET;
    this.allowed = milliseconds ? Infinity : steps;
  }

  _at({ step }) {
    this.#go(step);
  }

  _rule({ rule }) {
    this.rule = rule;
  }

  get #reached() {
    return this.branches.every(({ trajectory: t }) => t.step >= this.step || t.step >= t.end);
  }

  /** All branches go to the common step, as far as the time allows, and on as far as they may. */
  #work(began, now) {
    const until = began + this.budget;
    while (!this.#reached && now() < until) {
      for (const branch of this.branches) this.#forward(branch, this.step, until, now);
    }
    while (this.allowed > 0 && this.#reached && now() < until && !this.#stops()) {
      this.#go(this.step + 1);
      for (const branch of this.branches) this.#forward(branch, this.step, Infinity, now);
      this.allowed -= 1;
    }
    for (const branch of this.branches) {
      this.#due(branch);
      branch.trajectory.prepare();
    }
    if (this.#reached) this.#stops();
  }

  #forward(branch, target, until, now) {
    while (branch.trajectory.step < target && now() < until) {
      this.#due(branch);
      if (!branch.trajectory.advance()) return;
    }
  }

  /** Segments of a branch that begin where it has come to. */
  #due(branch) {
    while (branch.trajectory.later[0]?.from <= branch.trajectory.step) {
      const [next, ...later] = branch.trajectory.later;
      branch.trajectory = branch.trajectory.fork(next.from, next.training, next.edits);
      branch.trajectory.later = later;
    }
  }

  /** Whether the rule, divergence or the last step ends the play; says why. */
  #stops() {
    const { all = false } = this.rule; // of a race: only when every branch has stopped
    const reasons = (all ? this.branches : [this.branches[this.active]]).map(this.#ended, this);
    const ended = reasons.every((reason) => reason !== null);
    this.stopped = ended ? (reasons.find((reason) => reason !== DIVERGED) ?? DIVERGED) : null;
    return ended;
  }

  #ended({ trajectory }) {
    if (trajectory.prepare() && trajectory.step < trajectory.end) return stopReason(trajectory, this.rule);
    return trajectory.diverged === null ? "this is the last step" : DIVERGED;
  }

  #state(known, milliseconds) {
    return {
      step: this.step,
      reached: this.#reached,
      active: this.active,
      stopped: this.stopped,
      milliseconds,
      branches: this.branches.map(({ id, trajectory }) => {
        const seen = known[id] ?? { rows: 0, measures: 0 };
        return {
          id,
          segments: [
            ...trajectory.segments.map(({ from, training, edits }) => ({ from, training, edits })),
            ...trajectory.later,
          ],
          step: trajectory.step,
          length: trajectory.length,
          diverged: trajectory.diverged,
          norm: trajectory.norm,
          ...trajectory.measure(),
          weights: trajectory.weights.slice(),
          gradient: trajectory.gradient.slice(),
          running: trajectory.running.slice(),
          rows: { from: seen.rows, width: trajectory.rows.width, numbers: trajectory.rows.from(seen.rows) },
          measures: { from: seen.measures, numbers: trajectory.measures.from(seen.measures) },
        };
      }),
    };
  }
}
