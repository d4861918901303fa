// Trajectories: the same numbers as PyTorch's, and back to any step to the bit.

import { test } from "node:test";
import assert from "node:assert/strict";

import { stableRate } from "../../../pages/components/trajectory/optimisers.js";
import { makeProblem } from "../../../pages/components/trajectory/problem.js";
import { normal, order, stream, uniform } from "../../../pages/components/trajectory/random.js";
import { Session } from "../../../pages/components/trajectory/session.js";
import { MAX_STEPS, Trajectory } from "../../../pages/components/trajectory/trajectory.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("drawn", "trajectories");

const far = (a, b) => Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
const same = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]));

function problemOf({ settings, x, y }, test = null) {
  const train = { x: Float64Array.from(x), y: Float64Array.from(y) };
  return makeProblem({ kind: "network", network: settings, train, test });
}

function walked(trajectory, steps) {
  while (trajectory.step < steps && trajectory.advance());
  trajectory.prepare();
  return trajectory;
}

test("numbers by counter are Python's", () => {
  const { uniform: uniforms, normal: normals, order: mixed } = cases.drawn;
  assert.ok(uniforms.every((value, i) => value === uniform(7, stream("noise", 3), i)));
  const drawn = normals.map((_, i) => normal(2 ** 31 - 1, stream("points"), i));
  assert.ok(far(drawn, normals) < 1e-13);
  assert.deepEqual([...order(9, stream("order", 2 ** 27), 40)], mixed);
});

for (const one of cases.trajectories) {
  const { settings, first, last, losses, norms, evaluated, x } = one;
  const { optimiser, activation, loss } = settings;
  test(`${optimiser}, ${activation}, ${loss}: its steps are PyTorch's`, () => {
    const problem = problemOf(one);
    const trajectory = new Trajectory(problem, settings);
    assert.ok(far(trajectory.weights, first) < 1e-12);
    walked(trajectory, losses.length);
    const { numbers, width, count } = trajectory.rows;
    assert.equal(count, losses.length + 1);
    const off = Math.max(
      far(trajectory.weights, last),
      ...losses.map((value, k) => Math.abs(numbers[k * width] - value)),
      ...norms.map((value, k) => Math.abs(numbers[k * width + 1] - value)),
      far(problem.network.forward(trajectory.weights, Float64Array.from(x), 20, trajectory.running), evaluated),
    );
    // a bias before batch norm has a gradient of 0 but for rounding, which Adagrad and Adam enlarge
    assert.ok(off < (settings.batch_norm ? 1e-5 : 1e-9), `off by ${off}`);
  });

  test(`${optimiser}, ${activation}, ${loss}: any step again, to the bit`, () => {
    const trajectory = new Trajectory(problemOf(one), settings);
    const kept = [];
    for (let k = 0; k <= 60; k++) {
      walked(trajectory, k);
      kept.push(trajectory.weights.slice());
    }
    for (const k of [59, 3, 0, 60, 17, 8, 44]) {
      trajectory.at(k);
      assert.ok(trajectory.step === k && same(trajectory.weights, kept[k]), `step ${k}`);
    }
    const again = walked(trajectory.at(30), 60);
    assert.ok(same(again.weights, kept[60]));
  });
}

const some = cases.trajectories.find(({ settings }) => settings.optimiser === "adam");
const parabola = {
  settings: {
    inputs: 1, hidden: [], outputs: 1, activation: "linear", initialisation: "zeros", scale: 0,
    bias: 0, batch_norm: false, loss: "mse", seed: 0,
  },
  x: [1, -1], y: [1, -1],
}; // its second derivatives are 2 in both directions

test("twenty thousand steps and the way back to each stand in 20 MB", () => {
  const { settings } = cases.trajectories[0];
  const large = { ...settings, hidden: [32, 32, 32], batch_norm: false };
  const trajectory = new Trajectory(problemOf({ ...some, settings: { ...large, loss: "mse", outputs: 1 }, x: [1, 2], y: [1] }), some.settings);
  walked(trajectory, 300);
  const weights = trajectory.weights.slice();
  walked(trajectory, 20000);
  assert.equal(trajectory.length, 20000);
  assert.ok(trajectory.bytes < 20e6, `${trajectory.bytes} bytes`);
  assert.ok(same(trajectory.at(300).weights, weights));
});

test("a fork goes its own way from its step on, and its parent does not notice", () => {
  const parent = walked(new Trajectory(problemOf(some), some.settings), 100);
  const end = parent.weights.slice();
  const child = walked(parent.fork(50, { rate: 0.3, optimiser: "momentum" }), 100);
  assert.ok(same(parent.weights, end) && !same(child.weights, end));
  assert.ok(same(child.at(50).weights, parent.at(50).weights));
  assert.equal(child.segmentAt(49).training.optimiser, "adam");
  const unchanged = walked(parent.at(100).fork(50, {}), 100);
  assert.ok(same(unchanged.weights, end)); // Adam's sums go on
});

test("a rate above the stable one is left with the last finite step", () => {
  for (const [optimiser, momentum] of [["sgd", 0.9], ["momentum", 0.5], ["nesterov", 0.8]]) {
    const { limit } = stableRate(2, { optimiser, momentum });
    const settings = { optimiser, momentum };
    const below = walked(new Trajectory(problemOf(parabola), { ...settings, rate: 0.97 * limit }), 3000);
    assert.ok(below.batchLoss < 1e-6);
    const above = walked(new Trajectory(problemOf(parabola), { ...settings, rate: 1.1 * limit }), MAX_STEPS);
    assert.ok(above.diverged > 0 && above.step === above.diverged - 1);
    assert.ok(above.weights.every(Number.isFinite));
    assert.equal(above.advance(), false);
    assert.equal(above.at(0).weights[0], 0);
  }
  for (const rate of [0, -1, 1e9]) {
    walked(new Trajectory(problemOf(parabola), { rate }), 2000).weights.forEach((w) => assert.ok(Number.isFinite(w)));
  }
});

function dataOf({ settings, x, y }) {
  return {
    kind: "network", network: settings, test: null,
    train: { x: Float64Array.from(x), y: Float64Array.from(y) },
  };
}

/** A session, and a way to ask it until all has been computed. */
function begun(message) {
  const session = new Session();
  const ask = (asked) => {
    let state = session.handle(asked);
    while (!state.reached) state = session.handle({ do: "advance", known: asked.known });
    return state;
  };
  return { ask, state: ask({ do: "problem", step: 0, ...message }) };
}

test("a session keeps its branches at one step, and tells what is new of each", () => {
  const problem = dataOf(parabola);
  const { ask } = begun({ problem, branches: [[{ from: 0, training: { rate: 0.1 } }]] });
  ask({ do: "at", step: 40 });
  ask({ do: "fork" });
  let state = ask({ do: "train", training: { rate: 0.2 } });
  assert.deepEqual(state.branches.map(({ step }) => step), [40, 40]);
  state = ask({ do: "at", step: 60 });
  assert.deepEqual(state.branches[1].segments.map(({ from, training }) => [from, training.rate]), [[0, 0.1], [40, 0.2]]);
  assert.ok(state.branches[1].train < state.branches[0].train);
  const known = Object.fromEntries(state.branches.map(({ id }) => [id, { rows: 61, measures: 61 }]));
  assert.equal(ask({ do: "at", step: 60, known }).branches[0].rows.numbers.length, 0);

  // the same from its segments, as a link has them
  const branches = state.branches.map(({ segments }) => segments);
  const other = begun({ problem, branches, step: 60 });
  assert.ok(other.state.branches.every(({ weights }, i) => same(weights, state.branches[i].weights)));
  // a change before the step of a fork keeps what follows it
  other.ask({ do: "at", step: 10 });
  assert.equal(other.ask({ do: "drop", branch: 0 }).branches[0].segments.length, 2);
});

test("it stops by its rule", () => {
  const rules = [[{ steps: 30 }, 30], [{ loss: 0.01 }, null], [{ patience: 5 }, null]];
  for (const [rule, step] of rules) {
    const session = new Session();
    const branches = [[{ from: 0, training: { rate: 0.1 } }]];
    session.handle({ do: "problem", problem: dataOf(parabola), branches, step: 0, rule });
    let state;
    for (let i = 0; i < 50; i++) {
      state = session.handle({ do: "advance", milliseconds: 5 });
      if (state.stopped) break;
    }
    assert.ok(state.stopped, JSON.stringify(rule));
    if (step) assert.equal(state.step, step);
  }
});
