// What is raced at first on each surface, and known good settings. The reasons' figures are those
// that the engine gives; a test holds them to it.

const lanes = (rates) =>
  Object.entries(rates).map(([optimiser, said]) => ({ optimiser, ...(typeof said === "number" ? { rate: said } : said) }));

/** Trainings of the six optimisers by surface: good ones for its own start. */
export const LANES = {
  parabola: lanes({ sgd: 0.09, momentum: 0.02, nesterov: 0.02, adagrad: 0.5, rmsprop: 0.05, adam: 0.3 }),
  noisy: lanes({ sgd: 0.03, momentum: 0.005, nesterov: 0.005, adagrad: 0.5, rmsprop: 0.02, adam: 0.05 }),
  rosenbrock: lanes({ sgd: 0.001, momentum: 0.0005, nesterov: 0.0005, adagrad: 0.5, rmsprop: 0.01, adam: 0.05 }),
  beale: lanes({ sgd: 0.01, momentum: 0.002, nesterov: 0.005, adagrad: 0.3, rmsprop: 0.01, adam: 0.05 }),
  himmelblau: lanes({ sgd: 0.01, momentum: 0.003, nesterov: 0.005, adagrad: 0.5, rmsprop: 0.05, adam: 0.2 }),
  saddle: lanes({ sgd: 0.1, momentum: 0.1, nesterov: 0.1, adagrad: 0.1, rmsprop: 0.02, adam: 0.05 }),
  rastrigin: lanes({ sgd: 0.001, momentum: 0.0005, nesterov: 0.001, adagrad: 0.3, rmsprop: 0.02, adam: 0.1 }),
  regression: lanes({ sgd: 0.02, momentum: 0.01, nesterov: 0.01, adagrad: 0.3, rmsprop: 0.01, adam: 0.05 }),
  logistic: lanes({ sgd: 2, momentum: 0.5, nesterov: 0.5, adagrad: 1, rmsprop: 0.05, adam: 0.3 }),
  plane: lanes({ sgd: 0.03, momentum: 0.005, nesterov: 0.005, adagrad: 0.1, rmsprop: 0.01, adam: 0.03 }),
};

/** What is a small loss, and when it stops, where that is not as on a parabola. */
export const SMALL = {
  noisy: { threshold: 0.01, stop_steps: 2000 },
  rosenbrock: { threshold: 0.001, stop_steps: 2000 },
  beale: { stop_steps: 2000 },
  plane: { threshold: 0.05, stop_steps: 300 },
};

const sgd = (...rates) => rates.map((rate) => ({ optimiser: "sgd", rate }));
const VALLEY = { surface: "parabola", condition: 100, angle: 30 };
const AXES = [
  { optimiser: "sgd", rate: 0.0198 },
  { optimiser: "momentum", rate: 0.01 },
  { optimiser: "adagrad", rate: 1 },
  { optimiser: "adam", rate: 0.1 },
];

/** By name: settings, what is raced (by default `LANES`), and why. */
export const PRESETS = [
  {
    name: "A long valley",
    settings: VALLEY,
    branches: [
      { optimiser: "sgd", rate: 0.0198 },
      { optimiser: "momentum", rate: 0.033, momentum: 0.67 },
      { optimiser: "momentum", rate: 0.01, momentum: 0.9 },
      { optimiser: "nesterov", rate: 0.01, momentum: 0.9 },
    ],
    reason: "Condition number 100. SGD at its best rate, 2/(λ₁ + λ₂), needs 489 steps to a loss of 10⁻⁶; momentum near its best β and rate needs 62, with β = 0.9 and a rate of 0.01 it needs 144, and Nesterov's 96.",
    below: [489, 62, 144, 96],
  },
  {
    name: "Rates around 2/λ",
    settings: { surface: "parabola", condition: 20, angle: 30, stop_steps: 400 },
    branches: sgd(0.02, 0.05, 0.09, 0.099, 0.101),
    reason: "SGD five times, λ = 20. Faster is better up to 2/(λ₁ + λ₂) = 0.095; at 0.099 it swings across the valley and hardly gains; at 0.101, above 2/λ = 0.1, it diverges.",
    below: [367, 145, 79, null, null],
  },
  {
    name: "Along the axes",
    settings: { surface: "parabola", condition: 100, angle: 0 },
    branches: AXES,
    reason: "Adagrad and Adam scale each coordinate by itself. Where the valley lies along an axis that is all that it takes: Adagrad needs 35 steps to 10⁻⁶ and Adam 92; SGD needs 451.",
    below: [451, 162, 35, 92],
  },
  {
    name: "Across the axes",
    settings: { surface: "parabola", condition: 100, angle: 45, stop_steps: 2000 },
    branches: AXES,
    reason: "The same valley, turned by 45°: now Adagrad needs 1,994 steps and Adam 1,417. SGD and momentum do not care how it is turned: from this start they need 498 and 144.",
    below: [498, 144, 1994, 1417],
  },
  {
    name: "A curved valley",
    settings: { surface: "rosenbrock", stop_steps: 2000, threshold: 0.001 },
    reason: "Into Rosenbrock's valley is easy, along it is not. Momentum is below 0.001 after 1,233 steps, Adam after 1,642, SGD not within 2,000: above a rate of 2/λ = 0.002 it could not stay at the minimum.",
    below: [null, 1233, 1317, null, null, 1642],
  },
  {
    name: "Off a saddle",
    settings: { surface: "saddle", stop_steps: 400, threshold: 0.001 },
    reason: "The start is 0.001 beside the line on which all gradients lead to the saddle. SGD stays near it until its distance has grown, and needs 85 steps; Adam, which makes steps of about its rate however small the gradient, 52; Nesterov's at this rate 24.",
    below: [85, 55, 24, 341, 80, 52],
  },
  {
    name: "Noise",
    settings: { surface: "noisy", condition: 10, angle: 30, noise: 0.3, stop_steps: 2000, threshold: 0.01 },
    branches: [...sgd(0.1, 0.03, 0.01), { optimiser: "adagrad", rate: 0.5 }],
    reason: "Each step sees a parabola of its own. With a constant rate SGD does not come to rest: over the second thousand of steps its mean loss is 0.43 at a rate of 0.1 and 0.02 at 0.01, which takes ten times as long to get there. Adagrad's steps shrink.",
    below: [30, 109, 312, 210],
  },
  {
    name: "Stuck",
    settings: { surface: "rastrigin", stop_steps: 1000 },
    reason: "Many local minima: all six end in the one beside their start, at a loss of 17.9, not at 0.",
    below: [null, null, null, null, null, null],
  },
  {
    name: "A line's loss",
    settings: { surface: "regression", stop_steps: 2000 },
    reason: "Slope and intercept depend on each other, for the points lie far from x = 0: condition number 336. Momentum needs 178 steps to within 10⁻⁶ of the lowest loss, SGD 1,283.",
    below: [1283, 178, 187, 412, 513, 293],
  },
  {
    name: "A classifier's loss",
    settings: { surface: "logistic", stop_steps: 1000 },
    reason: "The likelihood of a logistic model has one maximum, so every optimiser ends at the same weights. Far from it the gradient is at most as long as the points are far out, near it the curvature is small (λ = 0.12): rates above 1 are stable. Momentum needs 117 steps to within 10⁻⁶ of the lowest loss, SGD 175.",
    below: [175, 117, 102, 373, 400, 158],
  },
];
