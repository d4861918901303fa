// Prints races of six optimisers as JSON: what the browser's engine says of each after 200 steps,
// and the script that is given for it. Argument: a file with a grid of losses.

import { readFileSync } from "node:fs";

import { raceScript } from "../../pages/components/bench/race_script.js";
import { OPTIMISERS } from "../../pages/components/trajectory/optimisers.js";
import { makeProblem } from "../../pages/components/trajectory/problem.js";
import { surfaceOf } from "../../pages/components/trajectory/surfaces.js";
import { TRAINING, Trajectory } from "../../pages/components/trajectory/trajectory.js";

const STEPS = 200;
const { grid, points, classes } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const SURFACES = [
  // with six optimisers
  { name: "rosenbrock" },
  // with two each
  { name: "noisy", condition: 10, angle: 45, noise: 0.3, seed: 3 },
  { name: "regression", points, batch: 4, seed: 5 },
  { name: "plane", grid },
  { name: "parabola", condition: 30, angle: 20 },
  { name: "beale" },
  { name: "himmelblau" },
  { name: "saddle" },
  { name: "rastrigin" },
  { name: "regression", points, batch: 0, seed: 0 },
  { name: "logistic", classes, batch: 30, seed: 3 },
];
const SIX = 1;
const rates = { sgd: 0.001, momentum: 0.0005, nesterov: 0.0005, adagrad: 0.3, rmsprop: 0.001, adam: 0.05 };
const own = { rmsprop: { alpha: 0.95 }, adam: { beta1: 0.8, beta2: 0.99 }, momentum: { momentum: 0.8 }, adagrad: { clip: 2 } };

function lane(problem, optimiser) {
  const training = { ...TRAINING, optimiser, rate: rates[optimiser], ...own[optimiser] };
  let trajectory = new Trajectory(problem, training);
  while (trajectory.step < 120 && trajectory.advance());
  if (optimiser === "adam") trajectory = trajectory.fork(120, { rate: 0.01 });
  if (optimiser === "sgd") trajectory = trajectory.fork(120, { optimiser: "momentum" });
  while (trajectory.step < STEPS && trajectory.advance());
  trajectory.prepare();
  const { segments, weights, diverged } = trajectory;
  return { name: OPTIMISERS[optimiser].title, segments, weights: [...weights], diverged, loss: trajectory.measure().train };
}

const races = SURFACES.map((data, i) => {
  const surface = { start: surfaceOf(data).start, ...data };
  const problem = makeProblem({ kind: "surface", surface });
  const names = Object.keys(OPTIMISERS).filter((_, k) => i < SIX || k % 3 === i % 3);
  const lanes = names.map((optimiser) => lane(problem, optimiser));
  return { name: data.name, lanes, script: raceScript(surface, lanes, STEPS) };
});
// one that leaves: its rate is above the stable one
const surface = { name: "parabola", condition: 30, angle: 0, start: [-3, 1] };
const problem = makeProblem({ kind: "surface", surface });
const fast = new Trajectory(problem, { optimiser: "sgd", rate: 0.08 });
while (fast.advance());
const { segments, weights, diverged } = fast;
const lanes = [{ name: "fast", segments, weights: [...weights], diverged }];
races.push({ name: "diverged", lanes, script: raceScript(surface, lanes, STEPS) });
console.log(JSON.stringify(races));
