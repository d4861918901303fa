// One step backwards in words and numbers.

import { localDerivative } from "./graph.js";
import { general, pairwise, total } from "./tensors.js";

const MOST = 6; // numbers that are written out

/** A number for people, with a true minus. */
export const brief = (value, digits = 4) =>
  general(value, digits).replace(/e\+?(-?)0*(\d)/, "e$1$2").replaceAll("-", "−");

const factor = (value) => (value < 0 ? `(${brief(value)})` : brief(value));

/** The numbers of a tensor, the first few of many. */
export function list({ shape, data }) {
  if (!shape.length) return brief(data[0]);
  const row = (numbers, more = "") =>
    `[${Array.from(numbers, (v) => brief(v)).join(", ")}${more}]`;
  if (data.length > MOST) return row(data.slice(0, MOST), ", …");
  if (shape.length === 1) return row(data);
  const rows = Array.from({ length: shape[0] }, (_, i) =>
    row(data.subarray(i * shape[1], (i + 1) * shape[1])));
  return `[${rows.join(", ")}]`;
}

/** What each node is called: leaves by their names, operations u1, u2, …, the result L. */
export function labels({ nodes }) {
  let count = 0;
  return nodes.map(({ operation, text }, i) => {
    if (operation === "leaf") return text;
    if (i === nodes.length - 1) return "L";
    if (operation === "constant") return text.length > 12 ? "the list" : text;
    count += 1;
    return `u${count}`;
  });
}

/** How an operation's output changes with one of its inputs, as a textbook writes it. */
const RULES = {
  "+": () => "1",
  "-": (slot) => (slot ? "−1" : "1"),
  "*": (slot, a, b) => (slot ? a : b),
  "/": (slot, a, b) => (slot ? `−${a} / ${b}²` : `1 / ${b}`),
  "**": (slot, a, b) => (slot ? `${a}^${b} · ln ${a}` : `${b} · ${a}^(${b} − 1)`),
  negative: () => "−1",
  relu: (slot, a) => `1 where ${a} > 0, else 0`,
  sigmoid: (slot, a, b, out) => `${out} · (1 − ${out})`,
  tanh: (slot, a, b, out) => `1 − ${out}²`,
  exp: (slot, a, b, out) => out,
  log: (slot, a) => `1 / ${a}`,
  sqrt: (slot, a, b, out) => `1 / (2 · ${out})`,
  abs: (slot, a) => `the sign of ${a}`,
  sin: (slot, a) => `cos ${a}`,
  cos: (slot, a) => `−sin ${a}`,
  sum: () => "1 for each number",
  mean: () => "1 / n for each of n numbers",
};

/**
 * What flows along an edge.
 * @param state graph, values, edges, gradients and names
 * @param number of the step, from 1
 * @returns formula, rule and numbers, a line each
 */
export function told(state, number) {
  const { graph, values, edges, gradients, names } = state;
  if (!number) return begin(values.at(-1));
  const edge = edges[number - 1], { node, source, slot } = edge;
  const { inputs, operation } = graph.nodes[node];
  const [u, x] = [names[node], names[source]], [a, b] = inputs.map((i) => names[i]);
  const before = edges.slice(0, number - 1).filter((one) => one.source === source);
  const local = localDerivative(graph, values, edge);
  const numbers = edgeNumbers(edge, gradients[node], local, values, inputs) + added(before, edge);
  const what = `${u} = ${definition(operation, a, b)}`;
  if (!local) {
    const given = inputs.map((i) => values[i].shape.length);
    const formula = `${matrixFormula(slot, [`∂L/∂${u}`, x, a, b], given)}, with ${what}`;
    return { formula, rule: "Each factor has the numbers of the other as its slopes.", numbers };
  }
  const to = `∂${u}/∂${x}`, chain = u === "L" ? "" : ` = ∂L/∂${u} · ${to}`;
  return {
    formula: `∂L/∂${x}${chain}, with ${what}`,
    rule: `${to} = ${RULES[operation](slot, a, b, u)}`, numbers,
  };
}

/** An operation as one writes it. */
function definition(operation, a, b) {
  if (b !== undefined) return `${a} ${operation} ${b}`;
  return operation === "negative" ? `−${a}` : `${operation}(${a})`;
}

function begin(result) {
  const one = result.data.length === 1;
  return {
    formula: one ? "∂L/∂L = 1" : "∂L/∂L = 1 for each number of the result",
    rule: one ? "Backwards begins at the result: by itself it changes one to one."
      : "The result has several numbers; L is their sum, as in result.sum().backward().",
    numbers: "",
  };
}

function edgeNumbers(edge, g, local, values, inputs) {
  const { gradient, slot, source } = edge;
  if (!local) return matrixNumbers(slot, g, gradient, inputs.map((i) => values[i]));
  if (!g.shape.length && !local.shape.length) {
    return `${factor(g.data[0])} · ${factor(local.data[0])} = ${brief(gradient.data[0])}`;
  }
  const spread = local.data.length;
  const product = local.data.map((v, i) => v * g.data[g.data.length === spread ? i : 0]);
  const cells = { shape: local.shape, data: product };
  const first = `${list(g)} · ${list(local)} = ${list(cells)}`;
  if (spread === gradient.data.length) return first;
  return `${first}; ${values[source].shape.length ? "it was" : "one number was"} repeated by ` +
    `broadcasting, so the parts add up: ${list(gradient)}`;
}

function added(before, { gradient }) {
  if (!before.length) return "";
  const parts = [...before.map((one) => one.gradient), gradient];
  const sum = parts.reduce((a, b) => pairwise(a, b, (v, w) => v + w));
  const all = parts.map(list).join(" + ");
  return `. It is used more than once, so its ways add up: ${all} = ${list(sum)}`;
}

function matrixFormula(slot, [g, x, a, b], [p, q]) {
  if (p === 1 && q === 1) return `∂L/∂${x} = ${g} · ${slot ? a : b}`;
  if (slot === 0) return q === 1 ? `∂L/∂${x} = ${g} ⊗ ${b}` : `∂L/∂${x} = ${g} @ ${b}ᵀ`;
  return p === 1 ? `∂L/∂${x} = ${a} ⊗ ${g}` : `∂L/∂${x} = ${a}ᵀ @ ${g}`;
}

/** The first number of a product, spelt out. */
function matrixNumbers(slot, g, gradient, [x, y]) {
  const columns = y.shape.length > 1 ? y.shape[1] : 1, inner = y.shape[0];
  const rows = x.shape.length > 1 ? x.shape[0] : 1;
  const pairs = slot === 0
    ? Array.from({ length: columns }, (_, j) => [g.data[j], y.data[j]])
    : Array.from({ length: rows }, (_, i) => [x.data[i * inner], g.data[i * columns]]);
  const sum = pairs.slice(0, MOST).map(([v, w]) => `${factor(v)} · ${factor(w)}`).join(" + ");
  const more = pairs.length > MOST ? " + …" : "";
  const where = gradient.data.length > 1 ? "The first number: " : "";
  const all = gradient.data.length > 1 ? `. All: ${list(gradient)}` : "";
  return `${where}${sum}${more} = ${brief(gradient.data[0])}${all}`;
}

/** One sentence on a result of several numbers. */
export const sumOf = (result) => `The result has ${result.data.length} numbers, with the sum ` +
  `L = ${brief(total(result))}; gradients are those of the sum.`;
