// The game in the plane: the numbers are PyTorch's, any step is there again to the bit, and what the
// presets say is so.

import { test } from "node:test";
import assert from "node:assert/strict";

import { Mixture } from "../../../pages/components/trajectory/flow.js";
import { EVALUATION, FRESH, reached } from "../../../pages/components/trajectory/game.js";
import { makeProblem } from "../../../pages/components/trajectory/problem.js";
import { TRAINING, Trajectory } from "../../../pages/components/trajectory/trajectory.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("games");

const far = (a, b) => {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
};
const problemOf = ({ settings: network, mixture }) => makeProblem({ kind: "game", network, mixture });
const trainingOf = ({ settings }) =>
  Object.fromEntries(Object.keys(TRAINING).filter((name) => name in settings).map((name) => [name, settings[name]]));

for (const one of cases.games) {
  const { game, ahead, turns, frozen, optimiser } = one.settings;
  test(`${game}, ${turns} to 1, ${ahead} ahead, ${optimiser}, ${frozen} frozen: 100 steps are PyTorch's`, () => {
    const problem = problemOf(one);
    const trajectory = new Trajectory(problem, trainingOf(one));
    assert.ok(far(trajectory.weights, one.first) < 1e-12);
    while (trajectory.step < one.told.length) trajectory.advance();
    trajectory.prepare();
    const { numbers, width } = trajectory.rows;
    one.told.forEach(([loss, generator, real, fake], k) => {
      const [at, , ...watched] = numbers.subarray(k * width, (k + 1) * width);
      assert.ok(far([at, ...watched], [loss, generator, real, fake]) < 1e-6, `step ${k}`);
    });
    assert.ok(far(trajectory.weights, one.last) < 1e-6, `off by ${far(trajectory.weights, one.last)}`);
    const fakes = problem.generate(trajectory.weights, problem.evaluated, EVALUATION).slice();
    assert.ok(far([...fakes.slice(0, 8), ...fakes.slice(EVALUATION, EVALUATION + 8)], one.fakes) < 1e-6);
    const real = new Mixture(one.mixture).draw(one.settings.seed, FRESH, EVALUATION, new Float64Array(2 * EVALUATION));
    [fakes, real].forEach((points, i) => {
      const { found, near } = reached(problem.modes, points, EVALUATION);
      assert.deepEqual([found, near], one.reached[i]);
    });
  });
}
