// What the bench of the game means by its settings, and what is said of it: without a page.

import { Mixture } from "../../trajectory/flow.js";
import { EVALUATION, FRESH, GAMES, GameProblem, SHARE, reached } from "../../trajectory/game.js";
import { TRAINING } from "../../trajectory/trajectory.js";
import { thinned } from "../loss_chart.js";
import { PLANE, checkPlaces, mixtureOf, rowsOf } from "./flow_model.js";

const MOST_SHOWN = 4096; // places of the surface, and of the grid of noise

/** Settings before any is changed. */
export const DEFAULTS = {
  ...TRAINING, set: "ring", width: PLANE.width, painted: [], latent: 2, hidden_g: [16, 16], hidden_d: [16, 16],
  activation: "tanh", seed: 1, optimiser: "adam", beta1: 0.5, rate: 0.002, rate_d: 0.002, batch: 128, count: 300,
  weight_clip: 0.5, stop_steps: 2000, stop_loss: 0, stop_patience: 0,
};

/** What a link says, which no control checks; throws a sentence. */
export function check(settings) {
  checkPlaces(settings);
  return settings;
}

/** The problem of the engine. */
export function problemOf(settings) {
  const { latent, hidden_g, hidden_d, activation, seed } = settings;
  return { kind: "game", network: { latent, hidden_g, hidden_d, activation, seed }, mixture: mixtureOf(rowsOf(settings)) };
}

/** Both players as they are seen: on the page's thread, beside the engine's. */
export class Shown {
  constructor(problem) {
    this.problem = new GameProblem(problem, MOST_SHOWN);
    const real = new Mixture(problem.mixture).draw(problem.network.seed, FRESH, EVALUATION, new Float64Array(2 * EVALUATION));
    this.real = real;
    this.fresh = reached(this.problem.modes, real, EVALUATION);
  }

  get modes() {
    return this.problem.modes.places.length;
  }
}

/** A score for which D has no opinion: between what it is to give fakes and real points. */
export function neutral(game, [, , , real, fake] = []) {
  if (game === "gan") return 0;
  if (game === "lsgan") return 0.5;
  const middle = (real + fake) / 2;
  return Number.isFinite(middle) ? middle : 0;
}

/** What a score says: a share for `gan`, for the others the score. */
export const answer = (game, score) => (game === "gan" ? 1 / (1 + Math.exp(-score)) : score);

const digits = (v) => (Number.isFinite(v) ? v.toFixed(2).replace("-", "−") : "–");
const percent = (v) => `${(100 * v).toFixed(0)} %`;

/** The table beside the chart; `row` is what is told of the batch, see `watched` of the bench. */
export function numbersText({ shown, found, near, row = [], pull }) {
  const [loss, , generator, real, fake] = row;
  return [
    ["", "fakes", "real points"],
    [`Modes found, of ${shown.modes}`, String(found), String(shown.fresh.found)],
    ["Near a mode", percent(near), percent(shown.fresh.near)],
    ["Mean score", digits(fake), digits(real)],
    ["Mean arrow", digits(pull), ""],
    ["Loss, generator", digits(generator), ""],
    ["Loss, discriminator", digits(loss), ""],
  ];
}

/** What the numbers mean. */
export function verdictText({ shown, found, near }) {
  const { modes, fresh, problem: { modes: { radius } } } = shown;
  const due = Math.ceil((SHARE * EVALUATION) / modes);
  const rule = `A mode is found if at least ${due} of ${EVALUATION} fakes, a quarter of an even share, lie within ${radius.toFixed(2)} (3σ${radius > 0.1 ? "" : ", or 0.1"}) of its centre.`;
  if (modes === 1) return rule;
  const lost = modes - found;
  const said = lost > 0
    ? `${lost} of ${modes} modes ${lost === 1 ? "has" : "have"} too few fakes at this step; that may change.`
    : `All ${modes} modes are found at this step.${near < fresh.near - 0.05 ? " Between them there are more fakes than real points." : ""}`;
  return `${said} ${rule} Beside them: ${EVALUATION} fresh real points.`;
}

const LINES = { linear: true };

/** Rows `[step, first, second]` of two numbers that are told of every step. */
const series = ({ rows }, [first, second]) => {
  const places = thinned(rows.map((_, step) => step));
  return places.map((step) => [step, rows[step][first], rows[step][second]]);
};

/** What the chart of losses draws, of every branch. */
export function lossLines({ branches, active, step }, colours) {
  const [loss, , generator] = branches[active].rows[step] ?? [];
  return {
    ...LINES, label: "loss", legend: "Losses on the batch of each step", pair: "discriminator as a line, generator dashed",
    all: branches.map((one, i) => ({ rows: series(one, [0, 2]), length: one.length, colour: colours[i], active: i === active })),
    said: `Losses over steps: discriminator ${digits(loss)}, generator ${digits(generator)} at step ${step}.`,
  };
}

/** Mean scores of both kinds of points. */
export function scoreLines({ branches, active, step }, colours) {
  const [, , , real, fake] = branches[active].rows[step] ?? [];
  return {
    ...LINES, label: "score", legend: "Mean scores", pair: "real points as a line, fakes dashed",
    all: branches.map((one, i) => ({ rows: series(one, [3, 4]), length: one.length, colour: colours[i], active: i === active })),
    said: `Mean scores over steps: real points ${digits(real)}, fakes ${digits(fake)} at step ${step}.`,
  };
}

/** Modes found. */
export function modeLines({ branches, active, step }, colours, shown) {
  const all = branches.map((one, i) => ({
    rows: one.measures.map(([at, found]) => [at, found]), length: one.length, colour: colours[i], active: i === active,
  }));
  const most = [[0, shown.modes], [Math.max(...branches.map((one) => one.length), 1), shown.modes]];
  return {
    ...LINES, label: "modes", legend: `Modes found; there are ${shown.modes} (dashed)`, range: [-0.04 * shown.modes, 1.08 * shown.modes],
    all: [...all, { rows: most, length: 1, colour: "#808080", dash: [5, 4] }],
    said: `Modes found over steps: ${branches[active].train} of ${shown.modes} at step ${step}.`,
  };
}

export const gameTitle = (game) => GAMES[game].title;

const UNEQUAL = { rate: 0.01, rate_d: 0.0005, stop_steps: 1500 };

/**
 * Settings that do well, or that fail in a way worth seeing. `holds` is what a label claims of the last
 * step; tests/benchmarks/game_presets.mjs counted the seeds from 1 to 10 of which it is so.
 */
export const PRESETS = [
  {
    name: "All eight", settings: {}, holds: ({ found }) => found === 8,
    reason: "Equal rates. At step 2,000 all eight modes are found in 9 of 10 seeds, though some fakes lie between them.",
  },
  {
    name: "Collapse", settings: UNEQUAL, holds: ({ found }) => found <= 2,
    reason: "A generator whose rate is twenty times the discriminator’s. The fakes run together, and on to other places, all of them: at step 1,500 two modes or fewer are found in 10 of 10 seeds.",
  },
  {
    name: "Frozen discriminator", settings: { stop_steps: 1300 }, holds: ({ found }) => found < 8,
    branches: [[{ from: 0, training: {} }, { from: 1000, training: { frozen: "discriminator" } }]],
    reason: "From step 1,000 on only the generator learns: its fakes run to where the scores are highest, and nobody tells it that they are too many there.",
  },
  {
    name: "Least squares", settings: { game: "lsgan", stop_steps: 1500 }, holds: ({ found }) => found === 8,
    reason: "Scores are drawn to 1 and 0. At step 1,500 all eight modes are found in 9 of 10 seeds, with more fakes between them than there are real points.",
  },
  {
    name: "Clipped weights", settings: { game: "wgan", turns: 3, stop_steps: 1500 }, holds: ({ found }) => found === 8,
    reason: "A Wasserstein GAN: three steps of the discriminator for one of the generator, its weights within ±0.5. At step 1,500 all eight modes are found in 7 of 10 seeds.",
  },
  {
    name: "Gradient penalty", settings: { game: "wgan_gp", turns: 3, penalty: 0.1, stop_steps: 1500 },
    reason: "The discriminator’s slope is drawn to 1 between real points and fakes, with λ = 0.1 as Gulrajani et al. (2017) have it in the plane.",
  },
  {
    name: "Unrolled", settings: { rate: 0.01, rate_d: 0.001, ahead: 5, rate_ahead: 0.5, stop_steps: 1500 },
    reason: "A fast generator that looks five steps of the discriminator ahead. Set the unrolled steps to 0 to see the same rates without.",
  },
];
