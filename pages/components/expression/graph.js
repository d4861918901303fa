// Values forwards and gradients backwards: the operations of core/foundations/expressions.py in
// JavaScript, so that they follow a finger. A test holds both to the same numbers and sentences.

import {
  Fault, filled, finite, general, map, outer, pairwise, product, size, sumTo, tensor, total,
  transposed, written, zeros,
} from "./tensors.js";

const MAX_ELEMENTS = 10_000;
const STEP = 1e-6; // of a numeric derivative, relative to the size of the number

const LEAF_LINE = /^(\w+) = torch\.tensor\(.*, requires_grad=True\)$/gm;

const times = (x, y) => pairwise(x, y, (a, b) => a * b);

function power(g, out, x, n) {
  const slope = pairwise(x, n, (a, b) => (b === 0 ? 0 : b * a ** (b - 1)));
  const grown = pairwise(x, out, (a, o) => (o === 0 ? 0 : o * Math.log(a)));
  return [times(g, slope), times(g, grown)];
}

function ofProduct(g, out, x, y) {
  const [p, q] = [x.shape.length, y.shape.length];
  if (p === 1 && q === 1) return [times(g, y), times(g, x)];
  if (p === 1) return [product(g, transposed(y)), outer(x, g)];
  if (q === 1) return [outer(g, y), product(transposed(x), g)];
  return [product(g, transposed(y)), product(transposed(x), g)];
}

const scalar = (value) => tensor([], [value]);
const each = (compute, slope) => ({
  forward: (x) => map(x, compute),
  backward: (g, out, x) => [pairwise(g, pairwise(out, x, slope), (a, b) => a * b)],
});
const both = (compute, backward) => ({
  forward: (x, y) => pairwise(x, y, compute), backward,
});

/** What each computes, and from the gradient of its output, the output and the inputs those of the
 * inputs; null where nothing flows. */
export const OPERATIONS = {
  "+": both((a, b) => a + b, (g) => [g, g]),
  "-": both((a, b) => a - b, (g) => [g, map(g, (v) => -v)]),
  "*": both((a, b) => a * b, (g, out, x, y) => [times(g, y), times(g, x)]),
  "/": both((a, b) => a / b, (g, out, x, y) => [
    pairwise(g, y, (v, b) => v / b),
    pairwise(pairwise(g, out, (v, o) => -v * o), y, (v, b) => v / b),
  ]),
  "**": both((a, b) => a ** b, power),
  "@": { forward: product, backward: ofProduct },
  negative: each((v) => -v, () => -1),
  relu: each((v) => Math.max(v, 0), (out, v) => Number(v > 0)),
  sigmoid: each((v) => 1 / (1 + Math.exp(-v)), (out) => out * (1 - out)),
  tanh: each(Math.tanh, (out) => 1 - out ** 2),
  exp: each(Math.exp, (out) => out),
  log: each(Math.log, (out, v) => 1 / v),
  sqrt: each(Math.sqrt, (out) => 1 / (2 * out)),
  abs: each(Math.abs, (out, v) => Math.sign(v)),
  sin: each(Math.sin, (out, v) => Math.cos(v)),
  cos: each(Math.cos, (out, v) => -Math.sin(v)),
  sum: {
    forward: (x) => scalar(total(x)), backward: (g, out, x) => [filled(x.shape, g.data[0])],
  },
  mean: {
    forward: (x) => scalar(total(x) / x.data.length),
    backward: (g, out, x) => [filled(x.shape, g.data[0] / x.data.length)],
  },
  detach: { forward: (x) => x, backward: () => [null] },
};

/** The names in a graph, in the order in which they first stand. */
export const leafNames = ({ nodes }) =>
  nodes.filter(({ operation }) => operation === "leaf").map(({ text }) => text);

/**
 * The value of every node.
 * @param leaves a tensor for each name
 */
export function forward({ nodes }, leaves) {
  const values = [];
  for (const node of nodes) values.push(valueOf(node, node.inputs.map((i) => values[i]), leaves));
  return values;
}

function valueOf(node, inputs, leaves) {
  const { operation, start, end } = node;
  if (operation === "constant") return tensor(node.shape, node.constant);
  const out = operation === "leaf" ? leaves[node.text] : OPERATIONS[operation].forward(...inputs);
  if (!out) {
    const shapes = inputs.map(({ shape }) => written(shape)).join(" and ");
    throw new Fault(`The shapes ${shapes} do not fit for ${operation}.`, start, end);
  }
  if (size(out.shape) > MAX_ELEMENTS) throw new Fault("More than 10,000 numbers.", start, end);
  if (!finite(out)) {
    const given = inputs.map(short).join(", "), why = given ? ` of ${given}` : "";
    const text = node.text.slice(0, 60);
    throw new Fault(`${text} is no finite number: ${operation}${why}.`, start, end);
  }
  return out;
}

const short = ({ shape, data }) =>
  shape.length ? `a tensor of shape ${written(shape)}` : general(data[0]);

/** Which nodes depend on a leaf by a way that is not detached: only these have gradients. */
export function requiresGrad({ nodes }) {
  const needed = [];
  for (const { operation, inputs } of nodes) {
    const carries = operation === "leaf" || inputs.some((i) => needed[i]);
    needed.push(carries && operation !== "detach");
  }
  return needed;
}

/**
 * The gradients of the result by every node, and what flows along each edge, from the last to the
 * first. Of a result of several numbers it is their sum that is differentiated.
 */
export function backward(graph, values) {
  const { nodes } = graph, needed = requiresGrad(graph), edges = [];
  const gradients = values.map(({ shape }) => zeros(shape));
  gradients[nodes.length - 1] = filled(values.at(-1).shape, 1);
  for (let place = nodes.length - 1; place >= 0; place--) {
    const node = nodes[place];
    if (!node.inputs.length || !needed[place]) continue;
    const inputs = node.inputs.map((i) => values[i]);
    const parts = OPERATIONS[node.operation].backward(gradients[place], values[place], ...inputs);
    node.inputs.forEach((source, slot) => {
      if (!parts[slot] || !needed[source]) return;
      const gradient = sumTo(parts[slot], values[source].shape);
      if (!finite(gradient)) throw steep(node, nodes[source]);
      gradients[source] = times(gradients[source], filled([], 1)); // a copy
      gradient.data.forEach((v, i) => (gradients[source].data[i] += v));
      edges.push({ node: place, source, slot, gradient });
    });
  }
  return { gradients, edges };
}

function steep(node, source) {
  const [of, by] = [node.text.slice(0, 60), source.text.slice(0, 60)];
  const sentence = `The derivative of ${of} by ${by} is no finite number here.`;
  return new Fault(sentence, node.start, node.end);
}

/** How an operation's output changes with one of its inputs, number by number, before what was
 * broadcast adds up; null for products of matrices. */
export function localDerivative(graph, values, { node, slot }) {
  const { operation, inputs } = graph.nodes[node];
  if (operation === "@") return null;
  const given = inputs.map((i) => values[i]), out = values[node];
  return OPERATIONS[operation].backward(filled(out.shape, 1), out, ...given)[slot];
}

/** The derivative of the result's sum by one number of a leaf, by differences to both sides. */
export function difference(graph, leaves, name, i) {
  const value = leaves[name], step = STEP * Math.max(1, Math.abs(value.data[i]));
  const [above, below] = [step, -step].map((way) => {
    const moved = map(value, (u, k) => (k === i ? u + way : u));
    return total(forward(graph, { ...leaves, [name]: moved }).at(-1));
  });
  return (above - below) / (2 * step);
}

/** The same by each number of a leaf. */
export function differences(graph, leaves, name) {
  const slopes = zeros(leaves[name].shape);
  return { ...slopes, data: slopes.data.map((_, i) => difference(graph, leaves, name, i)) };
}

/** As Python writes a list of the numbers, so that PyTorch takes them for floats. */
export function listed({ shape, data }) {
  const number = (v) => (Number.isInteger(v) && Math.abs(v) < 1e16 ? v.toFixed(1) : `${v}`);
  const row = (numbers) => `[${Array.from(numbers, number).join(", ")}]`;
  if (!shape.length) return number(data[0]);
  if (shape.length === 1) return row(data);
  const rows = Array.from({ length: shape[0] }, (_, i) =>
    row(data.subarray(i * shape[1], (i + 1) * shape[1])));
  return `[${rows.join(", ")}]`;
}

/** The script of `as_pytorch` with other values of the leaves. */
export function script(code, leaves) {
  return code.replace(LEAF_LINE,
    (_, name) => `${name} = torch.tensor(${listed(leaves[name])}, requires_grad=True)`);
}
