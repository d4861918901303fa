// Benches: links, the form's bounds, closed forms.

import { test } from "node:test";
import assert from "node:assert/strict";

import { Classification } from "../../../pages/components/bench/benches/classification.js";
import { Depth } from "../../../pages/components/bench/benches/depth.js";
import { Optimisers } from "../../../pages/components/bench/benches/optimisers.js";
import { Regression } from "../../../pages/components/bench/benches/regression.js";
import { learnt, refits, split } from "../../../pages/components/bench/benches/regression_model.js";
import { checkedValue } from "../../../pages/components/bench/form.js";
import { ridgeRegression } from "../../../pages/components/bench/least_squares.js";
import { pack, unpack } from "../../../pages/components/bench/link.js";
import { ticks } from "../../../pages/components/bench/plot.js";
import { makeProblem } from "../../../pages/components/trajectory/problem.js";
import { normal } from "../../../pages/components/trajectory/random.js";
import { TRAINING, Trajectory } from "../../../pages/components/trajectory/trajectory.js";

const near = (a, b, off = 1e-9) => assert.ok(Math.abs(a - b) <= off, `${a} is not ${b}`);
const line = Array.from({ length: 30 }, (_, i) => [i / 3, 2 * (i / 3) - 1 + normal(0, 3, i) / 5]);

test("every bench has all settings of training and of the stop rule, and a default for each control", () => {
  for (const { name, defaults, controls } of [Classification, Depth, Optimisers, Regression]) {
    const wanted = [...Object.keys(TRAINING), "stop_steps", "stop_loss", "stop_patience", ...controls.map((one) => one.name)];
    for (const one of wanted) assert.notEqual(defaults[one], undefined, `${name}: ${one}`);
  }
});

test("a link gives back what was packed, and is short", async () => {
  const state = { v: 1, bench: "regression", settings: { rate: 0.01 }, branches: [[{ from: 0, training: {} }]], step: 400 };
  const text = await pack(state);
  assert.ok(text.length < 200 && /^[\w-]+$/.test(text));
  assert.deepEqual(await unpack(text), state);
});

test("a damaged link, a bomb and another version are told in a sentence", async () => {
  const text = await pack({ v: 1, bench: "regression" });
  for (const damaged of [text.slice(0, -4), "%%%", "", "AAAA", "a".repeat(9000)]) {
    await assert.rejects(unpack(damaged), /damaged/);
  }
  await assert.rejects(unpack(await pack({ v: 1, x: "0".repeat(5e6) })), /damaged/);
  await assert.rejects(unpack(await pack({ v: 2 })), /another version/);
});

test("a value outside its bounds is told in a sentence", () => {
  const control = (name) => Regression.controls.find((one) => one.name === name);
  for (const rate of [-1, NaN, Infinity, 2e9, "1"]) {
    assert.throws(() => checkedValue(control("rate"), rate), /number from 0 to 1,000,000,000/);
  }
  assert.equal(checkedValue(control("rate"), 1e9), 1e9);
  assert.throws(() => checkedValue(control("degree"), 2.5), /whole/);
  assert.throws(() => checkedValue(control("optimiser"), "constructor"), /no choice/);
  assert.throws(() => checkedValue(control("scaled"), 1), /on or off/);
});

test("every preset is within the bounds", () => {
  const controls = new Map(Regression.controls.map((one) => [one.name, one]));
  for (const { settings } of Regression.presets) {
    for (const [name, value] of Object.entries(settings)) {
      assert.ok(name in Regression.defaults, name);
      if (controls.has(name)) checkedValue(controls.get(name), value);
    }
  }
});

test("the closed form is where descent ends, and the curvatures tell the largest rate", () => {
  const settings = { ...Regression.defaults, degree: 3, scaled: true, l2: 0.1 };
  const { problem, closed } = learnt(settings, line);
  const trajectory = new Trajectory(makeProblem(problem), { rate: 1.9 / closed.eigenvalues[0], l2: 0.1 });
  while (trajectory.step < 4000) trajectory.advance();
  [...closed.weights, closed.bias].forEach((value, i) => near(value, trajectory.weights[i], 1e-8));
  const above = new Trajectory(makeProblem(problem), { rate: 2.1 / closed.eigenvalues[0], l2: 0.1 });
  while (above.advance());
  assert.ok(above.diverged);
});

test("of one point, and of equal points, the shortest solution is taken", () => {
  for (const points of [[[2, 5]], [[2, 5], [2, 5], [2, 5]]]) {
    const { closed: { weights, bias } } = learnt({ ...Regression.defaults }, points);
    near(weights[0] * 2 + bias, 5);
    near(weights[0], 2 * bias); // along the point's own direction (2, 1)
    const scaled = learnt({ ...Regression.defaults, degree: 12, scaled: true }, points);
    assert.ok([...scaled.closed.weights].every(Number.isFinite));
  }
});

test("ridge draws the weights towards 0, not the intercept", () => {
  const columns = [line.map(([x]) => x)];
  const ys = line.map(([, y]) => y);
  const { weights, bias } = ridgeRegression(columns, ys, 1e9);
  near(weights[0], 0, 1e-6);
  near(bias, ys.reduce((sum, y) => sum + y, 0) / ys.length, 1e-5);
});

test("of the sine, a high degree has more variance and less bias than a line", () => {
  const sine = Array.from({ length: 25 }, (_, i) => [i / 24, Math.sin((2 * Math.PI * i) / 24)]);
  const found = [1, 9].map((degree) => {
    const settings = { ...Regression.defaults, source: "curve", degree, scaled: true };
    const model = learnt(settings, sine);
    model.places = Float64Array.from({ length: 50 }, (_, i) => i / 49);
    model.grid = model.features(model.places);
    return refits(model, settings);
  });
  assert.ok(found[0].bias > 0.1 && found[1].bias < 0.01);
  // the variance of least squares is σ² (d + 1) / n, on the points
  assert.ok(found[1].variance > 2 * found[0].variance && found[0].variance < 0.02);
});

test("test points are drawn, and one to learn from is always left", () => {
  const { train, test: held } = split(20, 0.25, 1);
  assert.equal(held.length, 5);
  assert.deepEqual([...train, ...held].sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i));
  assert.equal(split(1, 0.5, 1).train.length, 1);
});

test("axes have round numbers", () => {
  assert.deepEqual(ticks(0, 10), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticks(3, 3), []);
});
