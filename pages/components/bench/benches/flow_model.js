// What the benches of noise and points mean by their settings, and what is said of them: without a page.

import {
  ExactField, FlowProblem, NetworkField, Paths, SHOWN, drawNoise, meanDistance,
} from "../../trajectory/flow.js";
import { TRAINING } from "../../trajectory/trajectory.js";
import { EXTENT, rounded } from "../plane_sets.js";

export const MOST_POINTS = 300; // painted ones
export const MOST_BUMPS = 3; // on a line
export const MOST_COUNT = 500; // points of the picture
export const FLOORS = 10; // sets of real points, by which drawn ones are judged
export const ROUNDS = 4; // reflows, at most
export const [LEAST_WIDTH, MOST_WIDTH] = [0.05, 1.5]; // of a bump on a line

const around = (angle, radius) => [radius * Math.cos(angle), radius * Math.sin(angle)];
const many = (count, place) => Array.from({ length: count }, (_, i) => place((i + 0.5) / count, i));

/** Of each set its title, the centres of its bumps, and their width. */
export const SETS = {
  ring: { title: "Ring of eight", width: 0.15, centres: () => many(8, (_, i) => around((i * Math.PI) / 4, 2)) },
  moons: {
    title: "Two moons",
    width: 0.1,
    centres: () =>
      many(80, (share, i) => {
        const [x, y] = around(Math.PI * share, 1.5);
        return i % 2 ? [0.75 - x, 0.5 - y] : [x - 0.75, y - 0.5];
      }),
  },
  spiral: {
    title: "Spiral",
    width: 0.08,
    centres: () => many(100, (share) => around(3.5 * Math.PI * share, 0.3 + 2.2 * share)),
  },
  grid: {
    title: "Grid of sixteen",
    width: 0.12,
    centres: () => many(16, (_, i) => [1.4 * ((i % 4) - 1.5), 1.4 * (Math.floor(i / 4) - 1.5)]),
  },
};

const COMMON = {
  ...TRAINING, process: "straight", activation: "tanh", initialisation: "xavier_normal", scale: 0.5, seed: 1,
  optimiser: "adam", rate: 0.005, batch: 128, steps: 20, back: "ode", arrows: "velocity", way: "back", time: 0,
  count: 300, stop_loss: 0, stop_patience: 0,
};

/** Settings before any is changed. */
export const PLANE = { ...COMMON, set: "ring", width: 0.15, painted: [], hidden: [48, 48], stop_steps: 1500 };
export const LINE = {
  ...COMMON, bumps: [[-1.4, 0.3, 0.6], [1.2, 0.5, 0.4]], hidden: [32, 32], by: "exact", steps: 50, count: 200,
  stop_steps: 1000, time: 0.3, arrows: "score",
};

const within = (v, most = EXTENT) => typeof v === "number" && Math.abs(v) <= most;

/** What a link says of painted points; throws a sentence. */
export function checkPlaces({ set, painted }) {
  const place = (one) => Array.isArray(one) && one.length === 2 && one.every((v) => within(v));
  if (!Array.isArray(painted) || painted.length > MOST_POINTS || !painted.every(place)) {
    throw new Error("The painted points are damaged.");
  }
  if (set === "painted" && !painted.length) throw new Error("There are no painted points.");
}

/** What a link says of points, which no control checks; throws a sentence. */
export function check(settings) {
  const { bumps, process, reflow, time, way, arrows } = settings;
  const seen = time >= 0 && time <= 1 && ["back", "forth"].includes(way) && ["velocity", "score"].includes(arrows);
  if (!seen) throw new Error("What this link shows is not known here.");
  if (settings.painted) checkPlaces(settings);
  if (bumps) {
    const bump = (one) =>
      Array.isArray(one) && one.length === 3 && within(one[0]) && one[1] >= LEAST_WIDTH && one[1] <= MOST_WIDTH &&
      one[2] >= 0.02 && one[2] <= 1;
    if (!Array.isArray(bumps) || !bumps.length || bumps.length > MOST_BUMPS || !bumps.every(bump)) {
      throw new Error("The bumps are damaged.");
    }
  }
  if (reflow && process !== "straight") throw new Error("Only straight lines are learnt again from pairs.");
  return settings;
}

/** Bumps `[…centre, width, share]` of a set in the plane. */
export const rowsOf = (settings) => centresOf(settings).map((centre) => [...centre, settings.width, 1]);

/** A mixture of bumps, each `[…centre, width, share]`. */
export function mixtureOf(rows) {
  const d = rows[0].length - 2;
  const column = (k) => rows.map((row) => row[k]);
  const total = column(d + 1).reduce((a, b) => a + b, 0);
  return {
    centres: Float64Array.from(Array.from({ length: d }, (_, k) => column(k)).flat()),
    widths: Float64Array.from(column(d)), shares: Float64Array.from(column(d + 1), (share) => share / total),
  };
}

/** The mixture of the settings, and the problem of the engine. */
export function taskOf(settings) {
  const { hidden, activation, initialisation, scale, seed, process } = settings;
  const rows = settings.bumps ?? rowsOf(settings);
  const d = rows[0].length - 2;
  const mixture = mixtureOf(rows);
  const network = {
    inputs: d + 1, hidden, outputs: d, activation, initialisation, scale, bias: 0, batch_norm: false,
    loss: "mse", seed,
  };
  return { mixture, network, process, problem: { kind: "flow", network, process, mixture } };
}

export const centresOf = ({ set, painted }) =>
  SETS[set] ? SETS[set].centres().map((place) => place.map(rounded)) : painted;

/** Noise and real points of the picture, and what judges a distance between sets of as many. */
export class Shown {
  constructor({ mixture, network, process, problem }, { seed, count }) {
    this.problem = new FlowProblem(problem);
    Object.assign(this, { network, process, seed, n: count, mixture: this.problem.mixture });
    this.d = this.mixture.dimensions;
    this.start = drawNoise(seed, SHOWN, count, this.d);
    this.real = this.#drawn(SHOWN);
    this.exact = new ExactField(this.mixture, process);
    this.sets = Array.from({ length: FLOORS }, (_, k) => this.#drawn(SHOWN + 1 + k));
    this.within = []; // of each set the mean distance between its places
    this.floors = Array(FLOORS).fill(0); // of each set the mean of its energy distances to the others
    this.pairs = this.sets.flatMap((_, i) => this.sets.slice(0, i).map((__, j) => [i, j]));
    this.lossFloor = this.problem.floor();
  }

  #drawn(number) {
    return this.mixture.draw(this.seed, number, this.n, new Float64Array(this.n * this.d));
  }

  /** One more distance between sets of real points; false where all are measured. */
  measureFloor() {
    const { sets, within, floors, pairs, n, d } = this;
    if (within.length < FLOORS) within.push(meanDistance(sets[within.length], sets[within.length], n, d));
    else if (pairs.length) {
      const [i, j] = pairs.pop();
      const distance = 2 * meanDistance(sets[i], sets[j], n, d) - within[i] - within[j];
      for (const k of [i, j]) floors[k] += distance / (FLOORS - 1);
    }
    return pairs.length > 0;
  }

  field(weights) {
    return new NetworkField(this.problem.network, this.process, weights);
  }

  paths(field, { steps, back }) {
    return new Paths(field, this.start, { steps, anew: back === "anew", seed: this.seed });
  }

  /**
   * `{distance, detour}` of finished paths: the mean energy distance to the sets of real points, and how
   * much longer the ways are than lines. One set alone may be an unlucky one.
   */
  judge({ last, anew, detour }) {
    const { n, d, sets, within } = this;
    while (within.length < FLOORS) this.measureFloor();
    const own = meanDistance(last, last, n, d);
    const distances = sets.map((set, k) => 2 * meanDistance(last, set, n, d) - own - within[k]);
    const distance = distances.reduce((a, b) => a + b, 0) / FLOORS;
    return { distance, detour: anew ? NaN : detour };
  }
}

const digits = (v) => (Number.isFinite(v) ? v.toFixed(v < 0.1 ? 4 : 3) : "–");
const times = (v) => (Number.isFinite(v) ? `${v.toFixed(2)} ×` : "–");

/** The table beside the chart. */
export function numbersText({ exact, learnt, loss, lossFloor, reflown }) {
  return [
    ["", "exact field", "network"],
    ["Distance to real points", digits(exact?.distance), digits(learnt?.distance)],
    ["Length of ways", times(exact?.detour), times(learnt?.detour)],
    ["Loss", reflown ? "–" : digits(lossFloor), digits(loss)],
  ];
}

/** What the numbers mean; `floors` are null before they are measured. */
export function verdictText({ n, steps, floors, learnt, back }) {
  const said = [];
  if (floors && learnt) {
    const mean = floors.reduce((a, b) => a + b, 0) / floors.length;
    const most = Math.max(...floors);
    said.push(
      `Energy distance of ${n} drawn points to real ones, in the mean over ${FLOORS} sets of ${n}. Of a set of real points to the others it is ${digits(mean)} in the mean, ${digits(most)} at most.`,
      learnt.distance <= most
        ? "By this measure, with so few points, the network’s cannot be told from real ones."
        : "The network’s points are farther from real ones than any of these sets.",
    );
  }
  said.push(`Drawn in ${steps === 1 ? "one step" : `${steps} steps`}.`);
  if (back === "ode" && steps > 1) said.push("Ways as long as the line from beginning to end (1.00 ×) are straight.");
  return said.join(" ");
}

/** What the chart of losses draws: every branch, and the loss of the exact field. */
export function lossLines({ branches, active, step }, lossFloor, colours) {
  const length = Math.max(...branches.map((branch) => branch.length), 1);
  const floor = [[0, lossFloor, NaN], [length, lossFloor, NaN]];
  return {
    all: [
      ...branches.map((branch, i) => ({ rows: branch.measures, length: branch.length, colour: colours[i], active: i === active })),
      { rows: floor, length, colour: "#808080", dash: [5, 4] },
    ],
    label: "loss",
    legend: "Loss on 256 noisy points. Dashed: the exact field’s, about the least there is; after a reflow less is left to guess",
    said: `Loss over steps: ${branches[active].train.toPrecision(3)} at step ${step}; the exact field has ${lossFloor.toPrecision(3)}.`,
  };
}

const RESTS = [{ from: 0, training: { rate: 0.01 } }, { from: 1000, training: { rate: 0.001 } }];
const AGAIN = { from: 1500, training: { reflow: 1, rate: 0.003 } };

/** Settings that do well, or that fail in a way worth seeing. */
export const PLANE_PRESETS = [
  {
    name: "Ring, straight lines", settings: {},
    reason: "Noise and points are joined by straight lines, but the field is their mean at each place, and its ways bend: first towards the middle, then out.",
  },
  {
    name: "One step fails", settings: { steps: 1 },
    reason: "One step along the first velocity. From noise alone the best guess is the mean of all points, and that is where they go.",
  },
  {
    name: "A smaller rate at the end", settings: {}, branches: [RESTS],
    reason: "A rate of 0.01, and of 0.001 from step 1,000 on: within 500 steps the distance to real points falls from 0.041 to 0.018.",
  },
  {
    name: "Reflow, then one step", settings: { steps: 1, stop_steps: 2500 }, branches: [[...RESTS, AGAIN]],
    reason: "At step 1,500 noise is paired with what the network draws of it, and learnt again (Liu et al. 2023). The ways become straight: drawn in one step, the distance falls from 1.08 to 0.02, which before took 20 steps.",
  },
  {
    name: "Noise drawn anew", settings: { process: "preserving", back: "anew", steps: 50, set: "moons", width: 0.1 },
    reason: "Variance preserving, as in DDPM: each step takes noise away and adds some. Other ways, the same points at the end.",
  },
  {
    name: "The points by heart", settings: { set: "spiral", width: 0 },
    reason: "Bumps without a width are a training set of 100 points: in small steps the exact field draws these and no other. The small network smooths them.",
  },
  {
    name: "Score", settings: { set: "grid", width: 0.12, process: "preserving", arrows: "score", time: 0.3 },
    reason: "The slope of log p: with little noise it points to the nearest bump, with much to the middle of all.",
  },
];

export const LINE_PRESETS = [
  {
    name: "Two bumps", settings: {},
    reason: "Ways of the ODE never cross: on a line they keep their order, so the lowest 60 % of the noise become the lower bump.",
  },
  {
    name: "Noise drawn anew", settings: { back: "anew", process: "preserving", steps: 100 },
    reason: "The ways wander and cross, and yet at every time they are spread nearly as the picture says; the more steps, the nearer.",
  },
  {
    name: "Three narrow bumps", settings: { bumps: [[-2, 0.1, 0.3], [0, 0.1, 0.4], [2, 0.1, 0.3]] },
    reason: "With much noise there is one bump; which of the three a point becomes is decided late.",
  },
  {
    name: "Few steps", settings: { steps: 3 },
    reason: "Three steps cut across the bends of the ways, and end beside the bumps.",
  },
];
