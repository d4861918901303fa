// What the bench Regression learns, and what it is set beside: without a page.

import { normal, order, stream, uniform } from "../../trajectory/random.js";
import { ridgeRegression } from "../least_squares.js";
import { standardised } from "../preprocessing.js";
import { list, pytorchScript } from "../script.js";

export const REFITS = 30;

/** The noisy sine: `count` places in [0, 1], and what is observed there. */
export function sine({ count, noise, seed }) {
  return Array.from({ length: count }, (_, i) => {
    const x = uniform(seed, stream("points"), i);
    return [x, truth(x) + noise * normal(seed, stream("noise"), i)];
  });
}

export const truth = (x) => Math.sin(2 * Math.PI * x);

/** Which points are not learnt from: a share of them, drawn. One at least is learnt from. */
export function split(n, share, seed) {
  const held = new Set([...order(seed, stream("split"), n)].slice(0, Math.min(Math.round(share * n), n - 1)));
  const all = Array.from({ length: n }, (_, i) => i);
  return { train: all.filter((i) => !held.has(i)), test: all.filter((i) => held.has(i)) };
}

/**
 * Powers of x from the first to the last. Scaled: of x with mean 0 and standard deviation 1 on the
 * training points, and each power is brought to the same.
 */
function powersOf(xs, degree, scaled) {
  const base = scaled ? standardised(xs) : { mean: 0, spread: 1 };
  const power = (x, k) => ((x - base.mean) / base.spread) ** k;
  const scales = Array.from({ length: degree }, (_, k) =>
    scaled ? standardised(xs.map((x) => power(x, k + 1))) : { mean: 0, spread: 1 },
  );
  return (values) => scales.map(({ mean, spread }, k) => Float64Array.from(values, (x) => (power(x, k + 1) - mean) / spread));
}

const flat = (columns) => Float64Array.from(columns.flatMap((column) => [...column]));

export function curve(columns, weights, bias) {
  return Float64Array.from(columns[0], (_, i) => columns.reduce((sum, column, k) => sum + weights[k] * column[i], bias));
}

/** What is learnt from some points, with its closed form. */
export function learnt(settings, points) {
  const { degree, scaled, seed, initialisation, start, test, l2 } = settings;
  const parts = split(points.length, test, seed);
  const [xs, ys] = [0, 1].map((k) => parts.train.map((i) => points[i][k]));
  const features = powersOf(xs, degree, scaled);
  const columns = features(xs);
  const tested = parts.test.map((i) => points[i]);
  const columnsTested = features(tested.map(([x]) => x));
  const network = {
    inputs: degree, hidden: [], outputs: 1, activation: "linear", initialisation, scale: 0.5,
    bias: 0, batch_norm: false, loss: "mse", seed, start,
  };
  const train = { x: flat(columns), y: Float64Array.from(ys) };
  const held = { x: flat(columnsTested), y: Float64Array.from(tested, ([, y]) => y) };
  const problem = { kind: "network", network, train, test: tested.length ? held : null };
  const closed = ridgeRegression(columns, ys, l2);
  return { points, parts, xs, ys, features, columns, tested, columnsTested, network, problem, closed };
}

/**
 * The closed form on other samples: of the sine with new noise at the same places, or drawn with
 * replacement. Bias² and variance are means over the range of x.
 */
export function refits(model, { source, noise, l2, seed }) {
  const { xs, ys, columns, grid, places } = model;
  const known = source === "curve";
  const n = xs.length;
  const curves = Array.from({ length: REFITS }, (_, r) => {
    const of = stream("noise", r + 1);
    const taken = xs.map((_x, i) => (known ? i : Math.floor(n * uniform(seed, of, i))));
    const drawn = taken.map((i) => (known ? truth(xs[i]) + noise * normal(seed, of, i) : ys[i]));
    const { weights, bias } = ridgeRegression(columns.map((c) => taken.map((i) => c[i])), drawn, l2);
    return curve(grid, weights, bias);
  });
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  let [bias, variance, count] = [0, 0, 0];
  places.forEach((place, i) => {
    if (place < low || place > high) return;
    const values = curves.map((one) => one[i]);
    const mean = values.reduce((sum, value) => sum + value, 0) / REFITS;
    const around = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (REFITS - 1);
    // the mean of few fits strays from the expected one by a share of their variance
    if (known) bias += (mean - truth(place)) ** 2 - around / REFITS;
    variance += around;
    count += 1;
  });
  const share = (sum) => sum / Math.max(count, 1);
  return { curves, known, bias: Math.max(share(bias), 0), variance: share(variance) };
}

/** A PyTorch script that prints the numbers of a step of a branch, and the closed form. */
export function scriptOf({ xs, ys, network }, { degree, scaled, l2 }, segments, step) {
  const data = [
    `x = torch.tensor(${list(xs)}, dtype=torch.float64)`,
    `y = torch.tensor(${list(ys)}, dtype=torch.float64)[:, None]`,
    ...(scaled ? ["spread = x.std(correction=0)", "x = (x - x.mean()) / (spread if spread > 0 else 1)"] : []),
    `x = x[:, None] ** torch.arange(1, ${degree + 1})`,
    ...(scaled ? ["spread = x.std(0, correction=0)", "x = (x - x.mean(0)) / torch.where(spread > 0, spread, 1.0)"] : []),
  ];
  const after = [
    "", "# the closed form, by least squares", "n, d = x.shape",
    "matrix = torch.cat([x, torch.ones(n, 1)], 1)",
    ...(l2 ? [
      `matrix = torch.cat([matrix, torch.cat([(n * ${l2}) ** 0.5 * torch.eye(d), torch.zeros(d, 1)], 1)])`,
      "y = torch.cat([y, torch.zeros(d, 1)])",
    ] : []),
    'best = torch.linalg.lstsq(matrix, y, driver="gelsd").solution',
    'print("closed form", best.flatten().tolist())',
  ];
  const title = `A ${degree === 1 ? "line" : "polynomial"} that learns: step ${step}`;
  return pytorchScript({ title, data, network, segments, step, after });
}
