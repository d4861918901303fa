// How many seeds of ten do as a preset of the game says, and what they reach at its last step:
// node tests/benchmarks/game_presets.mjs [name …]

import { DEFAULTS, PRESETS, problemOf } from "../../pages/components/bench/benches/game_model.js";
import { makeProblem } from "../../pages/components/trajectory/problem.js";
import { TRAINING, Trajectory } from "../../pages/components/trajectory/trajectory.js";

const SEEDS = 10;

/** A preset played to its last step, with a seed. */
export function played({ settings, branches = [[{ from: 0 }]] }, seed) {
  const chosen = { ...DEFAULTS, ...settings, seed };
  const first = Object.fromEntries(Object.keys(TRAINING).map((name) => [name, chosen[name]]));
  let trajectory = new Trajectory(makeProblem(problemOf(chosen)), first);
  for (const { from, training } of [...branches[0].slice(1), { from: chosen.stop_steps }]) {
    while (trajectory.step < from && trajectory.advance());
    if (training) trajectory = trajectory.fork(from, { ...first, ...training });
  }
  const { train: found, test: near } = trajectory.measure();
  return { found, near, step: trajectory.step };
}

if (process.argv[1]?.endsWith("game_presets.mjs")) {
  const names = process.argv.slice(2);
  for (const preset of PRESETS) {
    if (names.length ? !names.includes(preset.name) : !preset.holds) continue;
    process.stdout.write(`${preset.name}: `);
    let right = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const reached = played(preset, seed);
      right += preset.holds?.(reached) ? 1 : 0;
      process.stdout.write(`${reached.found} (${(100 * reached.near).toFixed(0)} %), `);
    }
    console.log(`as said: ${right} of ${SEEDS}`);
  }
}
