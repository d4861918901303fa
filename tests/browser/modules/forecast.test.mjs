// Forecasts in the browser are those of PyTorch; what learns there has PyTorch's gradients.

import { test } from "node:test";
import assert from "node:assert/strict";
import { Network, bandOf, firstTest, measure, read, roll, scalingOf, thinned }
  from "../../../pages/components/forecast/forecaster.js";
import { Learner } from "../../../pages/components/forecast/learner.js";
import { casesOf } from "./cases.js";

const { forecasts } = await casesOf("forecasts");

const near = (a, b, off, what) =>
  assert.ok(Math.abs(a - b) <= off * Math.max(1, Math.abs(b)), `${what}: ${a} beside ${b}`);

test("there is a network of each kind", () => {
  const kinds = new Set(forecasts.runs.map(({ packed }) => packed.kind));
  assert.deepEqual([...kinds].sort(), ["gru", "linear", "lstm", "rnn", "seasonal"]);
});

for (const one of forecasts.runs) {
  test(`${one.name} says the same`, () => {
    const network = new Network(one.packed), scaling = network.scaling(one.values);
    const steps = read(network, scaling, one.values);
    one.origins.forEach((origin, i) => {
      roll(network, scaling, one.values, steps, origin, 12).forEach(({ named }, h) => {
        const off = network.seasonal && h ? named.slice(0, 1) : named;
        off.forEach((v, k) => near(v, one.year[i][h][k], 1e-4, `${origin} + ${h}, ${k}`));
      });
    });
    const found = measure(network, scaling, one.values, steps);
    for (const name of ["mase", "spread", "oneStep"]) near(found[name], one[name], 1e-4, name);
    const band = bandOf(network, scaling, one.values, steps, 12);
    band.low.forEach((v, h) => near(v, one.low[h], 1e-4, `low ${h}`));
    band.high.forEach((v, h) => near(v, one.high[h], 1e-4, `high ${h}`));
  });
}

for (const one of forecasts.gradients) {
  test(`${one.kind} learns as in PyTorch`, () => {
    const learner = new Learner(one.values,
      { kind: one.kind, hidden: 3, lags: 2, rate: 0.03, clip: 0.1, seed: 0 });
    for (const [name, list] of Object.entries(one.weights)) learner.weights[name].set(list);
    one.losses.forEach((loss, t) => {
      const found = learner.step();
      near(found.loss, loss, 1e-4, `loss ${t}`);
      near(found.norm, one.norms[t], 1e-4, `norm ${t}`);
    });
    learner.reach(10).forEach((r, lag) => near(r, one.reach[lag], 1e-4, `reach ${lag}`));
    const steps = read(new Network(learner.packed()), learner.scaling, one.values);
    near(steps[5].outputs[0], learner.forward()[5].said, 1e-9, "packed");
  });
}

test("a forecast does not see what is to come", () => {
  const [one] = forecasts.runs.filter(({ packed }) => packed.kind === "seasonal");
  const network = new Network(one.packed), start = firstTest(one.values.length);
  const changed = one.values.map((v, t) => (t < start ? v : 1));
  const [a, b] = [one.values, changed].map((values) => {
    const scaling = network.scaling(values);
    return roll(network, scaling, values, read(network, scaling, values), start, 12)
      .map(({ named }) => named[0]);
  });
  assert.deepEqual(a, b);
});

test("a constant or shrinking series is read too", () => {
  for (const values of [Array(60).fill(5), Array.from({ length: 60 }, (_, t) => 3 - t)]) {
    for (const { packed } of forecasts.runs) {
      const network = new Network(packed), scaling = network.scaling(values);
      assert.ok(read(network, scaling, values).every(({ outputs }) =>
        outputs.every(Number.isFinite)));
    }
  }
  near(scalingOf([5, 5, 5], 3, false).scale, 5e-6, 1e-12, "a scale");
});

test("of many starts a hundred and twenty are taken, both ends among them", () => {
  const starts = thinned(10, 1000);
  assert.equal(starts.length, 120);
  assert.deepEqual([starts[0], starts.at(-1)], [10, 1000]);
  assert.deepEqual(thinned(5, 4), []);
});
