// From a gradient to a step, in place: the formulas of core/foundations/optimisers.py, which is held
// to torch.optim.

const SMALL = 1e-8;

function sgd(w, g, slots, { rate }) {
  for (let i = 0; i < w.length; i++) w[i] -= rate * g[i];
}

function momentum(w, g, [v], { rate, momentum: beta }) {
  for (let i = 0; i < w.length; i++) {
    v[i] = beta * v[i] + g[i];
    w[i] -= rate * v[i];
  }
}

function nesterov(w, g, [v], { rate, momentum: beta }) {
  for (let i = 0; i < w.length; i++) {
    v[i] = beta * v[i] + g[i];
    w[i] -= rate * (g[i] + beta * v[i]);
  }
}

function adagrad(w, g, [squares], { rate }) {
  for (let i = 0; i < w.length; i++) {
    squares[i] += g[i] * g[i];
    w[i] -= (rate * g[i]) / (Math.sqrt(squares[i]) + 1e-10);
  }
}

function rmsprop(w, g, [squares], { rate, alpha }) {
  for (let i = 0; i < w.length; i++) {
    squares[i] = alpha * squares[i] + (1 - alpha) * g[i] * g[i];
    w[i] -= (rate * g[i]) / (Math.sqrt(squares[i]) + SMALL);
  }
}

function adam(w, g, [mean, squares], { rate, beta1, beta2 }, t) {
  const [first, second] = [1 - beta1 ** t, 1 - beta2 ** t];
  for (let i = 0; i < w.length; i++) {
    mean[i] = beta1 * mean[i] + (1 - beta1) * g[i];
    squares[i] = beta2 * squares[i] + (1 - beta2) * g[i] * g[i];
    w[i] -= (rate * (mean[i] / first)) / (Math.sqrt(squares[i] / second) + SMALL);
  }
}

/**
 * By name: `step(weights, gradient, slots, training, t)` with t from 1, how many slots it keeps,
 * and a rate that is good to begin with.
 */
export const OPTIMISERS = {
  sgd: { title: "SGD", step: sgd, slots: 0, rate: 0.1 },
  momentum: { title: "Momentum", step: momentum, slots: 1, rate: 0.01 },
  nesterov: { title: "Nesterov", step: nesterov, slots: 1, rate: 0.01 },
  adagrad: { title: "Adagrad", step: adagrad, slots: 1, rate: 0.1 },
  rmsprop: { title: "RMSprop", step: rmsprop, slots: 1, rate: 0.01 },
  adam: { title: "Adam", step: adam, slots: 2, rate: 0.01 },
};
export const MOST_SLOTS = 2;

/** The norm of a gradient, which is shortened to `clip` where it is longer; 0 leaves it. */
export function clipped(g, clip) {
  let squares = 0;
  for (let i = 0; i < g.length; i++) squares += g[i] * g[i];
  const norm = Math.sqrt(squares);
  if (clip > 0 && norm > clip - 1e-6) {
    const share = clip / (norm + 1e-6); // as torch.nn.utils.clip_grad_norm_ has it
    for (let i = 0; i < g.length; i++) g[i] *= share;
  }
  return norm;
}

/** By optimiser the bound on its rate as one writes it, and what it is times the curvature λ. */
const BOUNDS = {
  sgd: { formula: "2/λ", timesCurvature: () => 2 },
  momentum: { formula: "2(1 + β)/λ", timesCurvature: (beta) => 2 * (1 + beta) },
  nesterov: {
    formula: "2(1 + β)/((1 + 2β)λ)", timesCurvature: (beta) => (2 * (1 + beta)) / (1 + 2 * beta),
  },
};

/** `{limit, formula}`: the largest rate that descends a parabola; null where none is known. */
export function stableRate(curvature, { optimiser, momentum: beta }) {
  const bound = BOUNDS[optimiser];
  if (!bound || !(curvature > 0)) return null;
  return { limit: bound.timesCurvature(beta) / curvature, formula: bound.formula };
}
