// The game in the plane: the numbers are PyTorch's, any step is there again to the bit, and what the
// presets say is so.

import { test } from "node:test";
import assert from "node:assert/strict";

import { GameBench } from "../../../pages/components/bench/benches/game.js";
import { DEFAULTS, PRESETS, Shown, check, problemOf as taskOf, verdictText } from "../../../pages/components/bench/benches/game_model.js";
import { SHARED, checkedValue } from "../../../pages/components/bench/form.js";
import { Session } from "../../../pages/components/trajectory/session.js";
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

const small = { ...DEFAULTS, hidden_g: [6], hidden_d: [6], batch: 16 };
const first = Object.fromEntries(Object.keys(TRAINING).map((name) => [name, small[name]]));
const sessionOf = (settings, training = {}) => {
  const session = new Session();
  session.handle({ do: "problem", problem: taskOf(settings), branches: [[{ from: 0, training: { ...first, ...training } }]], step: 0 }, () => 0);
  return session;
};
const at = (session, step) => session.handle({ do: "at", step }, () => 0).branches;

test("a rate, a frozen player and another objective count from their step on; all is there again to the bit", () => {
  const session = sessionOf(small);
  const before = at(session, 30)[0].weights;
  const turn = (step, training) => {
    at(session, step);
    session.handle({ do: "turn", training }, () => 0);
  };
  turn(30, { frozen: "generator" });
  const { size } = session.branches[0].trajectory.problem.d;
  const frozen = at(session, 40)[0].weights;
  assert.deepEqual(frozen.slice(size), before.slice(size));
  assert.notDeepEqual(frozen.slice(0, size), before.slice(0, size));
  turn(40, { frozen: "discriminator", game: "lsgan", rate: 0.01 });
  const end = at(session, 60)[0];
  assert.deepEqual(end.weights.slice(0, size), frozen.slice(0, size));
  assert.deepEqual(end.segments.map(({ from, training }) => [from, training.frozen, training.game]), [
    [0, "none", "gan"], [30, "generator", "gan"], [40, "discriminator", "lsgan"],
  ]);
  session.handle({ do: "fork" }, () => 0);
  session.handle({ do: "turn", training: { frozen: "none", game: "wgan_gp", turns: 2 } }, () => 0);
  const [one, other] = at(session, 75);
  assert.notDeepEqual(one.weights, other.weights);
  for (const [step, weights] of [[30, before], [60, end.weights], [40, frozen]]) {
    for (const branch of at(session, step)) assert.deepEqual(branch.weights, weights, `step ${step}`);
  }
  assert.deepEqual(at(session, 75).map(({ weights }) => weights), [one.weights, other.weights]);
  const linked = new Session(); // as a link begins again
  const branches = [one, other].map(({ segments }) => segments.map(({ from, training }) => ({ from, training })));
  linked.handle({ do: "problem", problem: taskOf(small), branches, step: 75 }, () => 0);
  assert.deepEqual(at(linked, 75).map(({ weights }) => weights), [one.weights, other.weights]);
});

test("rates of 0 move nobody; one too large ends at the last good step", () => {
  const still = sessionOf(small, { rate: 0, rate_d: 0 });
  assert.deepEqual(at(still, 5)[0].weights, at(still, 0)[0].weights);
  for (const changes of [{ rate: 1e9 }, { rate_d: 1e9 }, { rate: 1e9, rate_d: 1e9, optimiser: "sgd", game: "lsgan" }]) {
    const session = sessionOf(small, changes);
    let state = null;
    for (let k = 0; k < 3 && !state?.stopped; k++) state = session.handle({ do: "advance", steps: 100 }, () => 0);
    const [branch] = state.branches;
    assert.equal(state.stopped, "it diverged");
    assert.ok(branch.diverged > 0 && branch.step === branch.diverged - 1 && branch.weights.every(Number.isFinite));
    const said = GameBench.prototype.diverged({ branches: [branch], active: 0 });
    assert.match(said, /It diverged: after step .* is kept\./);
  }
});

test("one point, and points that are all equal, can be played for", () => {
  for (const painted of [[[0, 0]], [[1, 1], [1, 1], [1, 1]]]) {
    const settings = { ...small, set: "painted", painted, width: 0, latent: 1 };
    const shown = new Shown(taskOf(settings));
    assert.ok(shown.modes === 1 && shown.fresh.found === 1 && shown.fresh.near === 1);
    assert.match(verdictText({ shown, found: 1, near: 1 }), /^A mode is found if at least 128 of 512/);
    for (const game of ["gan", "wgan", "wgan_gp"]) {
      const [{ weights, diverged }] = at(sessionOf(settings, { game }), 20);
      assert.ok(diverged === null && weights.every(Number.isFinite));
    }
  }
});

test("settings are within the bounds, and a damaged link is told", () => {
  const controls = new Map(GameBench.controls.map((one) => [one.name, one]));
  for (const name of [...Object.keys(TRAINING), ...controls.keys()]) assert.notEqual(DEFAULTS[name], undefined, name);
  for (const { settings, branches = [] } of PRESETS) {
    const trainings = branches.flat().map(({ training }) => training);
    for (const [name, value] of [settings, ...trainings].flatMap(Object.entries)) {
      assert.ok(name in DEFAULTS, name);
      checkedValue(controls.get(name) ?? SHARED[name], value);
    }
  }
  for (const wrong of [{ painted: [[9, 0]] }, { painted: "x" }, { set: "painted" }, { painted: [[0, NaN]] }]) {
    assert.throws(() => check({ ...DEFAULTS, ...wrong }), Error, JSON.stringify(wrong));
  }
  const bad = { game: "vae", frozen: "both", turns: 11, ahead: 1.5, weight_clip: 0, penalty: -1, rate_d: NaN, rate_ahead: 1e9 };
  for (const [name, value] of Object.entries(bad)) assert.throws(() => checkedValue(SHARED[name], value), Error, name);
});
