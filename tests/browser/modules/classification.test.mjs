// The bench Classification: its settings do what is said of them, and its words are right.

import { test } from "node:test";
import assert from "node:assert/strict";

import {
  DEFAULTS, PRESETS, check, modelText, mostFrequent, oddsText, placeText, pointText, rightOf, taskOf,
} from "../../../pages/components/bench/benches/classification_model.js";
import { handles } from "../../../pages/components/bench/diagram.js";
import { SIDE, contour, lattice, margin } from "../../../pages/components/bench/plane.js";
import { EXTENT, SEEDED, seeded, split } from "../../../pages/components/bench/plane_sets.js";
import { fitted } from "../../../pages/components/bench/preprocessing.js";
import { makeProblem } from "../../../pages/components/trajectory/problem.js";
import { Session } from "../../../pages/components/trajectory/session.js";
import { Trajectory } from "../../../pages/components/trajectory/trajectory.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("preprocessed");

const table = {
  columns: ["a", "b"], numbers: [[1, 10], [2, 30], [3, 20], [4, 40]], labels: [0, 0, 1, 1],
  classes: ["no", "yes"], first: "a", second: "b",
};

/** Losses and shares of right answers after so many steps. */
function learnt(changes, steps) {
  const settings = { ...DEFAULTS, ...changes };
  const task = taskOf(settings, {});
  const trajectory = new Trajectory(makeProblem(task.problem), settings);
  while (trajectory.step < steps && trajectory.advance());
  trajectory.prepare();
  const { train, test: tested } = trajectory.measure();
  const share = (part) => rightOf(trajectory.problem.network, trajectory.weights, trajectory.running, part) / part.y.length;
  return { train, test: tested, trainRight: share(task.train), testRight: share(task.test), trajectory };
}

const preset = (name) => PRESETS.find((one) => one.name.startsWith(name)).settings;

test("known good settings do what is said of them", () => {
  assert.ok(learnt(preset("Two blobs"), 200).testRight > 0.97);
  assert.ok(Math.abs(learnt(preset("Exclusive or, no line"), 500).train - Math.LN2) < 0.01);
  assert.ok(learnt(preset("Exclusive or, four"), 300).testRight > 0.95);
  assert.ok(learnt({ ...preset("Exclusive or, four"), hidden: [2] }, 1000).trainRight < 0.9);
  assert.equal(learnt(preset("Rings"), 300).testRight, 1);
  assert.ok(learnt({ ...preset("Rings"), hidden: [2] }, 1000).trainRight < 0.9);
  assert.ok(learnt(preset("Spirals"), 300).testRight > 0.95);
  assert.ok(learnt({ ...preset("Spirals"), optimiser: "sgd", rate: 0.1 }, 1000).train > 0.6);
  assert.ok(learnt(preset("Four blobs"), 300).testRight > 0.97);
  const { trajectory: { weights, problem } } = learnt(preset("All weights zero"), 50);
  assert.equal(weights.filter((w) => w !== 0).length, 1);
  assert.ok(weights[problem.size - 1] !== 0);
  const [early, late] = [50, 2000].map((steps) => learnt(preset("Too much"), steps));
  assert.ok(late.trainRight === 1 && late.test > 2 * early.test);
  assert.ok(learnt({ ...preset("Too much"), l2: 0.01 }, 2000).test < early.test);
});

test("sets stay on the plane, and a painted point moves no other to the test", () => {
  for (const name of Object.keys(SEEDED)) {
    const points = seeded(name, { count: 60, noise: 1, seed: 3 });
    assert.ok(points.every(([x, y]) => Math.abs(x) <= EXTENT && Math.abs(y) <= EXTENT));
    assert.equal(new Set(points.map(([, , c]) => c)).size, SEEDED[name].classes);
    const [train, held] = split(points, 0.3, 7);
    assert.ok(train.points.length && held.points.length > 5);
    const [more] = split([...points, [0.5, -0.25, 0]], 0.3, 7);
    assert.deepEqual(more.points.slice(0, train.points.length), train.points);
  }
  assert.equal(split([[0, 0, 0], [1, 1, 1]], 0.99, 1)[0].points.length, 2);
});

test("tables are standardised, and their words have the table's units", () => {
  const task = taskOf({ ...DEFAULTS, set: "mine", share: 0, hidden: [] }, { mine: table });
  assert.ok(Math.abs([...task.train.x.subarray(0, 4)].reduce((a, b) => a + b, 0)) < 0.01);
  assert.equal(task.axes[1].mean, 25);
  assert.ok(/one σ \(1\.1\) of a multiplies the odds by 2\.00; of one σ \(11\) of b divides the odds by 3\.00/.test(modelText([Math.log(2), -Math.log(3), 0.5], task)));
});

test("logit, odds and probability in words", () => {
  assert.equal(placeText([1.2], ["A", "B"]), "logit 1.20: odds 3.3 to 1 for B, probability of B 77 %");
  assert.equal(placeText([-1.2], ["A", "B"]), "logit −1.20: odds 3.3 to 1 for A, probability of A 77 %");
  assert.equal(oddsText(0), "even odds");
  assert.ok(/more than a million/.test(oddsText(30)));
  const three = placeText([1, 0, 0], ["A", "B", "C"]);
  assert.ok(/A 58 %, B 21 %, C 21 %; odds 1\.4 to 1 for A/.test(three));
  assert.ok(/is A: its likelihood is 0\.250, which adds 1\.39/.test(pointText([Math.log(3)], 0, ["A", "B"])));
  const task = taskOf({ ...DEFAULTS, set: "painted", share: 0, painted: [[0, 0, 1], [1, 0, 1], [0, 1, 0]] }, {});
  assert.equal(mostFrequent(task).name, "B");
});

test("what a link says of points is checked", () => {
  const wrong = [[[0, 0, 4], [0, 0, 0]], [[0, 99, 0], [0, 0, 0]], [[0, 0], [0, 0, 0]], [[0, 0, 1, 2], [0, 0, 1]], "no", [null, 1]];
  for (const painted of wrong) assert.throws(() => check({ ...DEFAULTS, painted }, {}), /damaged/);
  assert.throws(() => check({ ...DEFAULTS, set: "painted" }, {}), /no painted/);
  assert.throws(() => check({ ...DEFAULTS, set: "upload" }, {}), /uploaded/);
  assert.throws(() => check({ ...DEFAULTS, set: "mine", first: "z" }, { mine: table }), /column/);
});

test("the boundary is where the answer changes", () => {
  const inputs = lattice();
  const field = margin(inputs.subarray(0, SIDE * SIDE).map((x) => x - 1), 1, 0, new Float64Array(SIDE * SIDE));
  const found = [];
  contour(field, (x0) => found.push(((2 * x0 + 1) / SIDE - 1) * EXTENT));
  assert.ok(found.length === SIDE - 1 && found.every((x) => Math.abs(x - 1) < 1e-9));
});

test("weights set by hand fork, and are there again from the link's segments", () => {
  const settings = { ...DEFAULTS, hidden: [3] };
  const { problem } = taskOf(settings, {});
  const asking = (session) => (message) => {
    let state = session.handle(message);
    while (!state.reached) state = session.handle({ do: "advance" });
    return state;
  };
  const ask = asking(new Session());
  ask({ do: "problem", problem, branches: [[{ from: 0, training: settings }]], step: 0 });
  ask({ do: "at", step: 40 });
  ask({ do: "edit", edits: [[2, 5]] });
  let state = ask({ do: "edit", edits: [[2, -1.5], [0, 1]] });
  assert.equal(state.branches.length, 2);
  assert.deepEqual([state.branches[1].weights[2], state.branches[1].weights[0]], [-1.5, 1]);
  assert.ok(state.branches[0].weights[2] !== -1.5);
  state = ask({ do: "at", step: 60 });
  const end = state.branches[1].weights;
  state = ask({ do: "at", step: 40 });
  assert.equal(state.branches[1].weights[2], -1.5);
  const branches = state.branches.map(({ segments }) => segments);
  const again = asking(new Session())({ do: "problem", problem, branches, step: 60 });
  assert.deepEqual(again.branches[1].weights, end);
  const there = asking(new Session())({ do: "problem", problem, branches, step: 40 });
  assert.equal(there.branches[1].weights[2], -1.5);
  // back, and another weight: a third branch; at the start of one nothing is forked
  assert.equal(ask({ do: "edit", edits: [[1, 0]] }).branches.length, 3);
  const network = makeProblem(problem).network;
  assert.deepEqual(handles(network, ["A", "B"]).map(({ index }) => index).sort((a, b) => a - b), [...Array(network.size).keys()]);
});

test("features are preprocessed as in PyTorch, by what the points to learn from are", () => {
  for (const { method, points, fit, moved } of cases.preprocessed) {
    const change = fitted(method, points.slice(0, fit));
    points.map(change).forEach((point, i) => {
      point.forEach((v, k) => assert.ok(Math.abs(v - moved[i][k]) < 1e-9, `${method} ${i} ${k}`));
    });
  }
  const { train, axes, points } = taskOf({ ...DEFAULTS, preprocessing: "whiten" }, {});
  const half = train.x.length / 2, mean = (of) => of.reduce((a, b) => a + b, 0) / half;
  const [x, y] = [train.x.slice(0, half), train.x.slice(half)];
  assert.ok(Math.abs(mean(x)) < 1e-3 && Math.abs(mean(x.map((v, i) => v * y[i]))) < 1e-2);
  assert.ok(Math.abs(mean(y.map((v) => v * v)) - 1) < 1e-2);
  assert.equal(points.length, DEFAULTS.count);
  assert.deepEqual(axes.map(({ name }) => name), ["component 1", "component 2"]);
});
