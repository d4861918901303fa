// Races: what is said of known good settings is true, and words for who is ahead.

import { test } from "node:test";
import assert from "node:assert/strict";

import { LANES, PRESETS } from "../../../pages/components/bench/races.js";
import { FirstBelow, few, lead, namesOf, trouble } from "../../../pages/components/bench/race_words.js";
import { makeProblem } from "../../../pages/components/trajectory/problem.js";
import { Session } from "../../../pages/components/trajectory/session.js";
import { curvatureAt, surfaceOf } from "../../../pages/components/trajectory/surfaces.js";
import { Trajectory } from "../../../pages/components/trajectory/trajectory.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("races");
const { points, classes, planes } = cases.races;
const FREE = { condition: 20, angle: 30, noise: 0.2, batch: 0, seed: 0, threshold: 1e-6, stop_steps: 1000 };

/** How the optimisers end on a surface, with the settings of a bench. */
function raced(settings, trainings) {
  const said = { ...FREE, ...settings };
  const data = { ...said, name: said.surface, points, classes, grid: planes.mlp };
  const surface = surfaceOf(data);
  const problem = makeProblem({ kind: "surface", surface: { start: surface.start, ...data } });
  return trainings.map((training) => {
    const trajectory = new Trajectory(problem, training);
    while (trajectory.step < said.stop_steps && trajectory.advance());
    trajectory.prepare();
    const { numbers, width, count } = trajectory.rows;
    const losses = Array.from({ length: count }, (_, k) => numbers[k * width + 4] - surface.lowest);
    return { trajectory, losses, below: new FirstBelow().find(0, losses, said.threshold) };
  });
}

test("gradients of all surfaces are their differences", () => {
  const names = ["parabola", "rosenbrock", "beale", "himmelblau", "saddle", "rastrigin", "regression", "logistic", "plane"];
  for (const name of names) {
    const surface = surfaceOf({ ...FREE, name, points, classes, grid: planes.lenet_relu });
    const [out, h] = [[0, 0], 1e-5];
    const [left, right, bottom, top] = surface.view;
    for (let i = 0; i < 40; i++) {
      const [x, y] = [left + (right - left) * (0.2 + 0.015 * i), bottom + (top - bottom) * (((7 * i) % 40) / 60 + 0.15)];
      surface.slope(x, y, out);
      const other = [
        (surface.value(x + h, y) - surface.value(x - h, y)) / (2 * h),
        (surface.value(x, y + h) - surface.value(x, y - h)) / (2 * h),
      ];
      other.forEach((value, k) => assert.ok(Math.abs(value - out[k]) < 1e-4 * (1 + Math.abs(value)), `${name} at ${x}, ${y}`));
    }
    for (const minimum of surface.minima) {
      assert.ok(Math.abs(surface.value(...minimum) - surface.lowest) < 1e-12);
      assert.ok(curvatureAt(surface, minimum).low > 0);
    }
  }
  const { curvature, minima } = surfaceOf({ name: "regression", points });
  const found = curvatureAt(surfaceOf({ name: "regression", points }), minima[0]);
  assert.ok(Math.abs(curvature.high - found.high) < 1e-6 && Math.abs(curvature.low - found.low) < 1e-6);
});

for (const { name, settings, branches, below } of PRESETS) {
  test(`known good settings “${name}” do what their reason says`, () => {
    const ends = raced(settings, branches ?? LANES[settings.surface]);
    assert.deepEqual(ends.map((end) => end.below), below);
    if (name === "Rates around 2/λ") assert.ok(ends.at(-1).trajectory.diverged && !ends.at(-2).trajectory.diverged);
    if (name === "Stuck") for (const { losses } of ends) assert.ok(Math.abs(losses.at(-1) - 17.9) < 0.1);
    if (name === "Noise") {
      const means = ends.map(({ losses }) => losses.slice(1000).reduce((sum, loss) => sum + loss, 0) / (losses.length - 1000));
      assert.deepEqual(means.map((mean) => Number(mean.toFixed(2))), [0.43, 0.07, 0.02, 0.01]);
    }
  });
}

test("on every surface its own lanes come down, and only the rates above the bound leave", () => {
  for (const [surface, trainings] of Object.entries(LANES)) {
    for (const { trajectory, losses } of raced({ surface }, trainings)) {
      assert.equal(trajectory.diverged, null, surface);
      assert.ok(losses.at(-1) < 0.3 * losses[0] || surface === "rastrigin", surface);
    }
  }
  const off = raced({ surface: "plane" }, [{ optimiser: "sgd", rate: 5 }]);
  assert.ok(off[0].trajectory.diverged >= 1 && off[0].trajectory.weights.every(Number.isFinite));
});

test("a race goes on when one has diverged, and ends when all have stopped", () => {
  const session = new Session();
  const surface = { name: "parabola", condition: 20, angle: 0, start: [-3, 1] };
  const branches = [[{ from: 0, training: { rate: 0.2 } }], [{ from: 0, training: { rate: 0.02 } }]];
  const rule = { steps: 300, all: true };
  let state = session.handle({ do: "problem", problem: { kind: "surface", surface }, branches, step: 0, rule });
  for (let i = 0; i < 100 && !state.stopped; i++) state = session.handle({ do: "advance", steps: 50 });
  assert.equal(state.stopped, "after 300 steps");
  assert.ok(state.branches[0].diverged < 20 && state.branches[1].step === 300);
});

test("words", () => {
  const parts = (optimiser, rate, from = 0) => [{ from, training: { optimiser, rate, momentum: 0.9 } }];
  assert.deepEqual(namesOf([parts("sgd", 0.1), parts("sgd", 0.2), parts("adam", 0.1)]), ["SGD, rate 0.1", "SGD, rate 0.2", "Adam"]);
  assert.deepEqual(namesOf([parts("sgd", 0.1), parts("sgd", 0.1, 40)]), ["SGD, rate 0.1", "SGD, rate 0.1, from step 40"]);
  const lanes = [{ name: "A", above: 0.5 }, { name: "B", above: 1e-4 }, { name: "C", above: 1e-9, ended: true }];
  assert.equal(lead(lanes, 1200), "B is ahead at step 1,200: 10⁻⁴ above the lowest loss; next is A with 0.5.");
  assert.equal(lead(lanes.slice(0, 1), 3, false), "A is ahead at step 3: its loss is 0.5.");
  assert.equal(lead([{ ...lanes[0], ended: true }], 9), "Nobody is left in the race.");
  assert.match(lead([{ name: "A", above: 1e-13 }, { name: "B", above: 0 }], 9), /B and A are at a minimum/);
  const surface = surfaceOf({ name: "parabola", condition: 20, angle: 0 });
  const lane = { name: "SGD", training: { optimiser: "sgd", rate: 0.2 }, ended: true, diverged: 12 };
  assert.equal(trouble(lane, surface.curvature, surface), "SGD diverged at step 12: its rate 0.2 is above 2/λ = 0.1, the largest stable one.");
  assert.equal(trouble({ ...lane, ended: false, training: { ...lane.training, rate: 0.05 } }, surface.curvature, surface), "");
  assert.equal(few(0.00002), "2 · 10⁻⁵");
});
