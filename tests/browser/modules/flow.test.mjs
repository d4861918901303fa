// Noise and points: the numbers are PyTorch's, a reflow is gone back over to the bit, and what the
// presets say is so.

import { test } from "node:test";
import assert from "node:assert/strict";

import { FlowLine } from "../../../pages/components/bench/benches/flow_line.js";
import {
  FLOORS, LINE_PRESETS, PLANE, PLANE_PRESETS, Shown, check, taskOf, verdictText,
} from "../../../pages/components/bench/benches/flow_model.js";
import { FlowPlane } from "../../../pages/components/bench/benches/flow_plane.js";
import { checkedValue } from "../../../pages/components/bench/form.js";
import {
  ExactField, Mixture, NetworkField, PAIRS, PROCESSES, Paths, SHOWN, arrows, drawNoise, energyDistance, noised,
} from "../../../pages/components/trajectory/flow.js";
import { makeProblem } from "../../../pages/components/trajectory/problem.js";
import { TRAINING, Trajectory } from "../../../pages/components/trajectory/trajectory.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("flows");

const far = (a, b) => {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
};
const near = (a, b, off = 1e-9) => assert.ok(Math.abs(a - b) <= off, `${a} is not ${b}`);
const problemOf = ({ settings: network, process, mixture }) => makeProblem({ kind: "flow", network, process, mixture });

for (const one of cases.flows) {
  const { process: name, settings, n, d } = one;
  const { seed } = settings;
  test(`${name} in ${d}: draws, densities, steps, a reflow and ways are PyTorch's`, () => {
    const mixture = new Mixture(one.mixture);
    const exact = new ExactField(mixture, name);
    const real = mixture.draw(seed, SHOWN, n, new Float64Array(n * d));
    const noise = drawNoise(seed, SHOWN, n, d);
    assert.ok(far(real, one.real) < 1e-12 && far(noise, one.noise) < 1e-12);
    const [image, guess, logs] = [n * d, n * d, n].map((size) => new Float64Array(size));
    mixture.expected(PROCESSES[name](0.4), real, n, image, guess, logs);
    assert.ok(far(logs, one.logs) < 1e-10 && far(arrows(exact, "score", 0.4, real, n), one.score) < 1e-9);

    const problem = problemOf(one);
    const trajectory = new Trajectory(problem, settings);
    assert.ok(far(trajectory.weights, one.first) < 1e-12);
    while (trajectory.step < one.losses.length) trajectory.advance();
    trajectory.prepare();
    const { numbers, width } = trajectory.rows;
    assert.ok(far(one.losses.map((_, k) => numbers[k * width]), one.losses) < 1e-9);
    assert.ok(far(trajectory.weights, one.last) < 1e-9);
    near(trajectory.measure().train, one.loss);
    near(problem.floor(), one.floor);

    const learnt = new NetworkField(problem.network, name, trajectory.weights);
    assert.ok(far(arrows(learnt, "velocity", 0.4, real, n), one.velocity) < 1e-9);
    const pairs = new Paths(learnt, drawNoise(seed, 2 ** 28 + 2, PAIRS, d), { steps: 25 }).walk();
    assert.ok(far(pairs.last, one.pairs) < 1e-8);
    const taught = new Float64Array(problem.running);
    taught[0] = 1;
    taught.set(trajectory.weights, 1);
    near(problem.measure(trajectory.weights, taught).train, one.again);

    for (const [way, field, anew] of [["exact", exact, false], ["anew", exact, true], ["learnt", learnt, false]]) {
      const { places } = new Paths(field, noise, { steps: 7, anew, seed }).walk();
      places.forEach((place, k) => assert.ok(far(place, one.ways[way][k]) < 1e-8, `${way}, step ${k}`));
    }
    const { last, detour } = new Paths(learnt, noise, { steps: 7 }).walk();
    near(energyDistance(last, real, n, d), one.distance);
    near(detour, one.detour);
  });
}

test("a reflow is a branch of its own, and any step of it is there again to the bit", () => {
  const [one] = cases.flows;
  const first = new Trajectory(problemOf(one), one.settings);
  while (first.step < 30) first.advance();
  const again = first.fork(30, { reflow: 1 });
  const other = first.fork(20, { reflow: 1 });
  const kept = [];
  for (let k = 30; k <= 50; k++) {
    while (again.step < k) again.advance();
    other.advance(); // of another teacher, in the same problem
    kept.push(again.weights.slice());
  }
  for (const k of [50, 31, 30, 44, 12, 50]) {
    again.at(k);
    if (k >= 30) assert.ok(kept[k - 30].every((value, i) => Object.is(value, again.weights[i])), `step ${k}`);
  }
  assert.equal(again.running[0], 1);
  assert.ok(first.at(30).running[0] === 0 && again.measure().train < first.measure().train);
});

test("points that are noised step by step are spread as the density says", () => {
  const mixture = new Mixture({ centres: [-1, 1], widths: [0.2, 0.2], shares: [0.5, 0.5] });
  const n = 2000;
  const points = mixture.draw(1, SHOWN, n, new Float64Array(n));
  for (const name of Object.keys(PROCESSES)) {
    const places = noised(points, name, { steps: 10, n, d: 1, seed: 2 });
    for (const k of [5, 10]) {
      const [alpha, sigma] = PROCESSES[name](k / 10);
      const variance = places[k].reduce((sum, x) => sum + x * x, 0) / n;
      const expected = alpha ** 2 * 1.04 + sigma ** 2;
      assert.ok(Math.abs(variance / expected - 1) < 0.12, `${name} ${k}: ${variance}, not ${expected}`);
    }
  }
});

test("few steps of the exact field miss the points, twenty do not; ancestral ones come there too", () => {
  const settings = { ...PLANE, count: 200 };
  const set = new Shown(taskOf(settings), settings);
  while (set.measureFloor());
  const other = [0, 1].map((k) => energyDistance(set.sets[3], set.sets[k], 200, 2));
  assert.ok(set.floors.length === FLOORS && Math.min(...set.floors) > 0 && other.every((one) => one > 0));
  const distance = (changes) => set.judge(set.paths(set.exact, { ...settings, ...changes }).walk()).distance;
  const most = Math.max(...set.floors);
  assert.ok(distance({ steps: 1 }) > 10 * most);
  assert.ok(distance({ steps: 20 }) <= most);
  assert.ok(distance({ steps: 50, back: "anew" }) <= 1.5 * most);
  const said = verdictText({ n: 200, steps: 20, back: "ode", floors: set.floors, learnt: { distance: most * 2 } });
  assert.match(said, /farther from real ones than any/);
});

test("presets are within the bounds, and a damaged link is told", () => {
  for (const [Kind, presets] of [[FlowPlane, PLANE_PRESETS], [FlowLine, LINE_PRESETS]]) {
    const controls = new Map(Kind.controls.map((one) => [one.name, one]));
    for (const name of [...Object.keys(TRAINING), "stop_steps", "stop_loss", "stop_patience", ...controls.keys()]) {
      assert.notEqual(Kind.defaults[name], undefined, name);
    }
    for (const { settings } of presets) {
      check({ ...Kind.defaults, ...settings });
      for (const [name, value] of Object.entries(settings)) {
        assert.ok(name in Kind.defaults, name);
        if (controls.has(name)) checkedValue(controls.get(name), value);
      }
    }
  }
  for (const wrong of [
    { painted: [[9, 0]] }, { painted: [[0, NaN]] }, { painted: "x" }, { set: "painted" }, { bumps: [] },
    { bumps: [[0, 0, 1]] }, { bumps: [[0, 0.3]] }, { time: 2 }, { way: "up" },
    { reflow: 1, process: "preserving" }, { painted: Array(301).fill([0, 0]) },
  ]) {
    assert.throws(() => check({ ...PLANE, ...wrong }), Error, JSON.stringify(wrong));
  }
});
