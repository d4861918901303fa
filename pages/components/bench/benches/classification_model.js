// What the bench Classification means by its settings, and what it says: without a page.

import { TRAINING } from "../../trajectory/trajectory.js";
import { probabilities } from "../plane.js";
import { SEEDED, checkPainted, pointsOf, rounded, split } from "../plane_sets.js";
import { fitted } from "../preprocessing.js";
import { list, pytorchScript } from "../script.js";

/** Settings before any is changed. */
export const DEFAULTS = {
  ...TRAINING, set: "moons", count: 200, noise: 0.3, points_seed: 1, share: 0.3, painted: [], table: "",
  first: "", second: "", preprocessing: "none",
  hidden: [4, 4], activation: "tanh", initialisation: "xavier_normal", scale: 0.5, batch_norm: false,
  seed: 1, optimiser: "adam", rate: 0.03,
};

/** What a link says of points, which no control checks; throws a sentence. */
export function check(settings, tables) {
  const { set, first, second, painted } = settings;
  checkPainted(painted);
  if (set === "painted" && painted.length < 2) throw new Error("There are no painted points.");
  if (set in SEEDED || set === "painted") return settings;
  const table = tables[set];
  if (!table) throw new Error("The table was uploaded by somebody, and a link does not carry it.");
  for (const name of [first, second]) {
    if (name !== "" && !table.columns.includes(name)) throw new Error("The table has no such column.");
  }
  return settings;
}

const SPIRALS = { set: "spirals", count: 400, noise: 0.1, hidden: [8, 8], rate: 0.03 };

/** Settings that do well, or that fail in a way worth seeing, each of which a test runs. */
export const PRESETS = [
  {
    name: "Two blobs, a straight line",
    settings: { set: "blobs", noise: 0.2, hidden: [], optimiser: "sgd", rate: 0.5 },
    reason: "Logistic regression: one line is all that is needed, and plain descent finds it.",
  },
  {
    name: "Exclusive or, no line",
    settings: { set: "xor", noise: 0, hidden: [], optimiser: "sgd", rate: 0.5 },
    reason: "It fails: no straight line parts these. The loss stays near 0.69, which is ln 2, as if a coin were tossed.",
  },
  {
    name: "Exclusive or, four units",
    settings: { set: "xor", noise: 0, hidden: [4], seed: 2, rate: 0.03 },
    reason: "One hidden layer of four tanh units is enough. Two units leave a part of it wrong.",
  },
  {
    name: "Rings, three units",
    settings: { set: "rings", noise: 0.1, hidden: [3], rate: 0.03 },
    reason: "Three lines are the fewest that close around a ring: look at the three units.",
  },
  {
    name: "Spirals",
    settings: { ...SPIRALS },
    reason: "Two layers of eight tanh units and Adam at 0.03. Plain SGD at 0.1 is still above a loss of 0.6 after 1,000 steps.",
  },
  {
    name: "Four blobs, softmax",
    settings: { set: "four_blobs", hidden: [] },
    reason: "Four logits without a hidden layer: between two classes the boundary of a softmax is a line.",
  },
  {
    name: "All weights zero",
    settings: { set: "moons", hidden: [4, 4], initialisation: "zeros", optimiser: "sgd", rate: 0.3 },
    reason: "It fails: no gradient reaches any hidden weight, and only the last bias learns.",
  },
  {
    name: "Too much for 60 points",
    settings: { set: "moons", noise: 1, count: 60, hidden: [8, 8, 8] },
    reason: "It learns all training points by heart while the test loss rises; L2 of 0.01 holds it back.",
  },
];

/** Points and their parts, done to by what is found on the part to learn from. */
function preprocessed(data, parts, method) {
  if (method === "none" || !parts[0].points.length) return [data, ...parts];
  const change = fitted(method, parts[0].points);
  const moved = ([x, y, c]) => [...change([x, y]).map(rounded), c];
  const again = ({ points, y }) => {
    const placed = points.map(moved), feature = (k) => placed.map((point) => point[k]);
    return { points: placed, x: Float64Array.from([...feature(0), ...feature(1)]), y };
  };
  const turned = method === "pca" || method === "whiten";
  const name = (axis, k) => (turned ? `component ${k + 1}` : axis.name);
  const axes = data.axes.map((axis, k) => ({ name: name(axis, k), mean: 0, spread: 1 }));
  return [{ ...data, points: data.points.map(moved), axes }, ...parts.map(again)];
}

/** The settings' data: parts to learn from and to test with, and the problem of the engine. */
export function taskOf(settings, tables) {
  const drawn = pointsOf(settings, tables);
  const parts = split(drawn.points, settings.share, settings.points_seed);
  const method = settings.set === "painted" ? "none" : settings.preprocessing;
  const [data, train, test] = preprocessed(drawn, parts, method);
  const outputs = data.classes.length === 2 ? 1 : data.classes.length;
  const { hidden, activation, initialisation, scale, batch_norm, seed } = settings;
  const network = {
    inputs: 2, hidden, outputs, activation, initialisation, scale, bias: 0, batch_norm, seed,
    loss: outputs === 1 ? "bce" : "cross_entropy",
  };
  const only = ({ x, y }) => ({ x, y });
  return {
    ...data, train, test, network,
    problem: train.points.length
      ? { kind: "network", network, train: only(train), test: test.points.length ? only(test) : null }
      : null,
  };
}

/** How many points of a part a network answers rightly. */
export function rightOf(network, weights, running, { x, y }) {
  const n = y.length;
  if (!n) return 0;
  const { outputs } = network.settings;
  const z = network.forward(weights, x, n, running);
  let right = 0;
  for (let p = 0; p < n; p++) {
    let best = outputs === 1 && z[p] > 0 ? 1 : 0;
    for (let k = 1; k < outputs; k++) if (z[k * n + p] > z[best * n + p]) best = k;
    if (best === y[p]) right += 1;
  }
  return right;
}

/** The class most frequent among points to learn from, and how many of the tested ones it is right of. */
export function mostFrequent({ train, test, classes }) {
  const counts = classes.map((_, k) => train.y.filter((c) => c === k).length);
  const k = counts.indexOf(Math.max(...counts));
  return { name: classes[k], train: counts[k], test: test.y.filter((c) => c === k).length };
}

export const percent = (share) => {
  const digits = share > 0 && share < 1 && (share < 0.01 || share > 0.99) ? 1 : 0;
  if (share > 0.999 && share < 1) return "over 99.9 %";
  if (share > 0 && share < 0.001) return "under 0.1 %";
  return `${(100 * share).toFixed(digits)} %`;
};

const signed = (v) => (Math.abs(v) < 0.005 ? "0.00" : v.toFixed(2)).replace("-", "−");

/** Odds as one says them: "3.3 to 1". */
export function oddsText(logit) {
  const odds = Math.exp(Math.abs(logit));
  if (odds < 1.05) return "even odds";
  if (odds > 1e6) return "odds of more than a million to 1";
  return `odds ${odds >= 10 ? Math.round(odds).toLocaleString("en") : odds.toFixed(1)} to 1`;
}

/** What a network says of a place: logit, odds and probability in words. */
export function placeText(logits, classes) {
  const shares = probabilities(logits);
  if (logits.length === 1) {
    const [z] = logits;
    const of = z < 0 ? 0 : 1;
    return `logit ${signed(z)}: ${oddsText(z)}${Math.exp(Math.abs(z)) < 1.05 ? "" : ` for ${classes[of]}`}, probability of ${classes[of]} ${percent(shares[of])}`;
  }
  const best = shares.indexOf(Math.max(...shares));
  const logit = Math.log(shares[best] / Math.max(1 - shares[best], 1e-300));
  const all = classes.map((name, k) => `${name} ${percent(shares[k])}`).join(", ");
  return `logits ${logits.map(signed).join(", ")}: ${all}; ${oddsText(logit)} ${logit < 0 ? "against" : "for"} ${classes[best]}`;
}

/** What a point of a class adds to the likelihood. */
export function pointText(logits, c, classes) {
  const likelihood = probabilities(logits)[c];
  return `The point here is ${classes[c]}: its likelihood is ${likelihood < 0.001 ? likelihood.toExponential(1) : likelihood.toFixed(3)}, which adds ${(-Math.log(likelihood)).toFixed(2)} to the sum of losses.`;
}

/** What a loss means: the likelihood of a point, as geometric mean. */
export const lossText = (loss) =>
  `Loss ${loss.toFixed(3)}: a point's own class gets a probability of ${percent(Math.exp(-loss))} in the geometric mean (e to the minus loss).`;

/** A logistic model of two classes in words: what a step along each feature does to the odds. */
export function modelText([first, second, bias], { axes, classes }) {
  const term = (w, name) => `${w < 0 ? "−" : "+"} ${Math.abs(w).toFixed(2)} ${name}`;
  const scaled = axes[0].spread !== 1 || axes[0].mean !== 0;
  const [a, b] = scaled ? ["x₁", "x₂"] : axes.map(({ name }) => name);
  const step = (w, { name, spread }) => {
    const unit = scaled ? `one σ (${Number(spread.toPrecision(2))}) of ${name}` : `1 in ${name}`;
    const factor = Math.exp(Math.min(Math.abs(w), 20));
    const by = factor >= 1e4 ? "more than 10,000" : factor.toFixed(factor < 10 ? 2 : 0);
    return `${unit} ${w < 0 ? "divides" : "multiplies"} the odds by ${by}`;
  };
  return `Logit of ${classes[1]} = ${signed(first)} ${a} ${term(second, b)} ${term(bias, "").trim()}. A step of ${step(first, axes[0])}; of ${step(second, axes[1])}.`;
}

/** A PyTorch script that prints the numbers of a step of a branch. */
export function script(settings, tables, segments, step) {
  const { network, train, test, ...task } = taskOf(settings, tables);
  const { hidden, set } = settings;
  const kind = hidden.length ? `a network 2-${[...hidden, network.outputs].join("-")}` : "logistic regression";
  const name = SEEDED[set]?.title ?? tables[set]?.title ?? "Painted points";
  const target = network.outputs === 1 ? "points[:, 2:]" : "points[:, 2].long()";
  const read = (part, points) => [
    `# two features and a class, ${points.length} times`,
    `points = torch.tensor(${list(points.flat())}).double().view(-1, 3)`,
    `${part}, ${part.replace("x", "y")} = points[:, :2], ${target}`,
  ];
  const right = network.outputs === 1 ? "(z > 0) == (y > 0.5)" : "z.argmax(1) == y";
  const loss = network.outputs === 1 ? "binary_cross_entropy_with_logits" : "cross_entropy";
  const parts = `("train", x, y)${test.points.length ? ', ("test", x_test, y_test)' : ""}`;
  return pytorchScript({
    title: `${name.replaceAll('"', "")}: ${kind}; classes ${task.classes.join(", ").replaceAll(/["\\]/g, "")}.`,
    data: [...read("x", train.points), ...(test.points.length ? read("x_test", test.points) : [])],
    network, segments, step,
    after: [
      "with torch.no_grad():",
      `    for name, x, y in (${parts},):`,
      "        z = model(x)",
      `        print(name, "loss", nn.functional.${loss}(z, y).item())`,
      `        print(name, "accuracy", (${right}).double().mean().item())`,
    ],
  });
}
