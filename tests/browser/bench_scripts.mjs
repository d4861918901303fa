// Prints, as JSON, scripts of the benches and the numbers that they are to print.

import {
  DEFAULTS, rightOf, script, taskOf,
} from "../../pages/components/bench/benches/classification_model.js";
import { DEFAULTS as DEEP, Layers, script as depthScript, taskOf as deepTask } from "../../pages/components/bench/benches/depth_model.js";
import { LINE, PLANE, Shown, taskOf as flowTask } from "../../pages/components/bench/benches/flow_model.js";
import { script as flowScript } from "../../pages/components/bench/benches/flow_script.js";
import { DEFAULTS as GAME, problemOf as gameProblem } from "../../pages/components/bench/benches/game_model.js";
import { script as gameScript } from "../../pages/components/bench/benches/game_script.js";
import { learnt, scriptOf } from "../../pages/components/bench/benches/regression_model.js";
import { pytorchScript } from "../../pages/components/bench/script.js";
import { makeProblem } from "../../pages/components/trajectory/problem.js";
import { normal, stream } from "../../pages/components/trajectory/random.js";
import { TRAINING, Trajectory } from "../../pages/components/trajectory/trajectory.js";

const STEPS = 60;
const points = Array.from({ length: 14 }, (_, i) => [normal(1, stream("points"), i), Math.round(3 * normal(2, stream("points"), i))]); // whole numbers are numbers too
const settings = {
  degree: 1, scaled: false, seed: 3, initialisation: "normal", start: null, test: 0, l2: 0,
};

/** What a branch with these segments has learnt after all steps. */
function walked(problem, segments) {
  let trajectory = new Trajectory(makeProblem(problem), segments[0].training);
  for (const { from, training, edits } of [...segments.slice(1), { from: STEPS }]) {
    while (trajectory.step < from && trajectory.advance());
    if (training) trajectory = trajectory.fork(from, training, edits);
  }
  return { loss: trajectory.measure().train, weights: [...trajectory.weights], trajectory };
}

function regression(changes, segments) {
  const chosen = { ...settings, ...changes };
  const model = learnt(chosen, points);
  return {
    script: scriptOf(model, chosen, segments, STEPS), ...walked(model.problem, segments), trajectory: null,
    closed: [...model.closed.weights, model.closed.bias],
  };
}

function network(changes, training) {
  const x = Float64Array.from([...points.map(([a]) => a), ...points.map(([, b]) => b)]);
  const y = Float64Array.from(points, ([a, b]) => (a * b > 0 ? 1 : 0));
  const chosen = {
    inputs: 2, hidden: [4, 3], outputs: 1, activation: "tanh", initialisation: "xavier_normal",
    scale: 1, bias: 0, batch_norm: false, loss: "bce", seed: 5, start: null, ...changes,
  };
  const segments = [{ from: 0, training: { ...TRAINING, ...training } }];
  const rows = points.map((point) => `[${point.join(", ")}]`).join(", ");
  const data = [`x = torch.tensor([${rows}])`, `y = torch.tensor([${[...y].join(", ")}]).double()[:, None]`];
  const problem = { kind: "network", network: chosen, train: { x, y }, test: null };
  return {
    script: pytorchScript({ title: "A network", data, network: chosen, segments, step: STEPS }),
    ...walked(problem, segments), trajectory: null,
  };
}

/** A bench of points with classes; weights are set by hand in the middle and at the very end. */
function classification(changes) {
  const chosen = { ...DEFAULTS, count: 40, ...changes };
  const segments = [
    of(0, chosen), { ...of(25, { ...chosen, rate: 0.01 }), edits: [[1, 2.5]] },
    { ...of(STEPS, { ...chosen, rate: 0.01 }), edits: [[0, -1], [3, 0.25]] },
  ];
  const task = taskOf(chosen, {});
  const { loss, weights, trajectory } = walked(task.problem, segments);
  const { network } = trajectory.problem;
  const right = (part) => rightOf(network, trajectory.weights, trajectory.running, part) / part.y.length;
  return {
    script: script(chosen, {}, segments, STEPS), loss, weights,
    measured: {
      "train loss": loss, "train accuracy": right(task.train),
      "test loss": trajectory.measure().test, "test accuracy": right(task.test),
    },
  };
}

/** A deep network on drawn rows: variances and mean squares of gradients, layer by layer. */
function depth(changes) {
  const numbers = Array.from({ length: 130 }, (_, i) => [0, 1, 2].map((k) => normal(4, stream("points", k), i)));
  const labels = numbers.map(([a, b]) => (a > 0 ? 1 : 0) + (b > 0.5 ? 1 : 0));
  const tables = { wine: { title: "Drawn", columns: ["a", "b", "c"], numbers, labels, classes: ["p", "q", "r"] } };
  const chosen = { ...DEEP, depth: 4, width: 6, ...changes };
  const segments = [of(0, chosen)];
  const task = deepTask(chosen, tables);
  const { loss, weights, trajectory } = walked(task.problem, segments);
  const { layers } = new Layers(task).measure(trajectory.weights, 0);
  return {
    script: depthScript(chosen, tables, segments, STEPS), loss, weights,
    measured: { variances: layers.map(({ variance }) => variance), gradients: layers.map(({ sums }) => sums) },
  };
}

/** Noise and points, with a reflow on the way or none; what is drawn at the end, by both fields. */
function flow(settings, segments) {
  const task = flowTask(settings);
  const { loss, weights, trajectory } = walked(task.problem, segments);
  const set = new Shown(task, settings);
  const distance = (field) => set.judge(set.paths(field, settings).walk()).distance;
  return {
    script: flowScript(settings, segments, STEPS), loss, weights,
    measured: { "exact distance": distance(set.exact), "network distance": distance(set.field(trajectory.weights)) },
  };
}

/** The game, of which the objective and the frozen player change on the way. */
function game(settings, changes) {
  const segments = changes.map(([from, training]) => ({
    from, training: { ...TRAINING, ...Object.fromEntries(Object.keys(TRAINING).map((name) => [name, settings[name]])), ...training },
  }));
  const { weights, trajectory } = walked(gameProblem(settings), segments);
  const { train: found, test: near } = trajectory.measure();
  return { script: gameScript(settings, segments, STEPS), weights, measured: { "modes found": found, "near a mode": near } };
}

const of = (from, { optimiser, rate, momentum, batch, clip, l1, l2, dropout, reflow }) => {
  const given = { optimiser, rate, momentum, batch, clip, l1, l2, dropout, reflow };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { from, training: { ...TRAINING, ...Object.fromEntries(set) } };
};
console.log(JSON.stringify([
  regression({}, [of(0, { rate: 0.05 })]),
  regression({ degree: 4, scaled: true, l2: 0.02, test: 0.2 }, [
    of(0, { optimiser: "momentum", rate: 0.02, l2: 0.02 }),
    of(20, { optimiser: "momentum", rate: 0.01, momentum: 0.5, l2: 0.02 }),
    of(40, { optimiser: "adam", rate: 0.02, l2: 0.02, l1: 0.01, batch: 4 }),
  ]),
  network({ batch_norm: true, activation: "relu" }, { optimiser: "nesterov", rate: 0.05, batch: 5, clip: 0.5 }),
  network({}, { optimiser: "rmsprop", rate: 0.01, dropout: 0.3 }),
  classification({ set: "moons", batch: 8, dropout: 0.1 }),
  depth({ batch_norm: true, activation: "relu" }),
  depth({ activation: "linear" }),
  classification({ set: "four_blobs", hidden: [], l2: 0.01 }),
  flow({ ...PLANE, hidden: [6, 5], count: 40 }, [
    of(0, { ...PLANE, batch: 16 }), of(25, { ...PLANE, batch: 16, rate: 0.01 }), of(40, { ...PLANE, batch: 32, reflow: 1 }),
  ]),
  game({ ...GAME, hidden_g: [5], hidden_d: [6, 4], batch: 16 }, [
    [0, {}], [15, { game: "wgan_gp", turns: 2, rate: 0.01 }], [30, { game: "gan", ahead: 2, frozen: "none" }],
    [40, { frozen: "discriminator", optimiser: "rmsprop" }], [50, { game: "wgan" }],
  ]),
  flow({ ...LINE, hidden: [6], count: 40, process: "preserving", back: "anew" }, [of(0, { ...LINE, clip: 1 })]),
]));
