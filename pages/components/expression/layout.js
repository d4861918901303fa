// Where the nodes of a graph stand: inputs left of what they are used in, the result at the right.

const ACROSS = 44, DOWN = 14; // between boxes

/**
 * @param boxes the [width, height] of each node
 * @returns the [left, top] of each, and the size of all
 */
export function layout({ nodes }, boxes) {
  const columns = inColumns(nodes), order = fromResult(nodes);
  const stacks = Array.from({ length: Math.max(...columns) + 1 }, () => []);
  for (const place of order) stacks[columns[place]].push(place);
  const places = [], centres = [];
  for (const stack of [...stacks].reverse()) {
    align(stack, nodes, boxes, centres);
    for (const place of stack) places[place] = [0, centres[place] - boxes[place][1] / 2];
  }
  let left = 0;
  for (const stack of stacks) {
    const width = Math.max(...stack.map((place) => boxes[place][0]));
    for (const place of stack) places[place][0] = left + (width - boxes[place][0]) / 2;
    left += width + ACROSS;
  }
  const top = Math.min(...places.map(([, y]) => y));
  for (const one of places) one[1] -= top;
  const height = Math.max(...places.map(([, y], i) => y + boxes[i][1]));
  return { places, width: left - ACROSS, height };
}

/** Operations as far right as their longest way from a leaf, leaves just before their first use. */
function inColumns(nodes) {
  const columns = nodes.map(() => 0);
  nodes.forEach(({ inputs }, place) => {
    for (const i of inputs) columns[place] = Math.max(columns[place], columns[i] + 1);
  });
  const first = nodes.map(() => Infinity);
  nodes.forEach(({ inputs }, place) => {
    for (const i of inputs) first[i] = Math.min(first[i], columns[place]);
  });
  return columns.map((column, place) =>
    nodes[place].inputs.length || first[place] === Infinity ? column : first[place] - 1);
}

/** All places as one meets them from the result, an operation's inputs in their order. */
function fromResult(nodes) {
  const order = new Set();
  const visit = (place) => {
    if (order.has(place)) return;
    order.add(place);
    nodes[place].inputs.forEach(visit);
  };
  visit(nodes.length - 1);
  return [...order];
}

/** Set the centres of a column's nodes near those of what uses them, without overlaps. */
function align(stack, nodes, boxes, centres) {
  const wanted = (place) => {
    const above = nodes.flatMap(({ inputs }, i) =>
      inputs.includes(place) && centres[i] !== undefined ? [centres[i]] : []);
    return above.length ? above.reduce((a, b) => a + b) / above.length : 0;
  };
  const goals = stack.map(wanted);
  let below = -Infinity;
  const tops = stack.map((place, i) => {
    const top = Math.max(goals[i] - boxes[place][1] / 2, below);
    below = top + boxes[place][1] + DOWN;
    return top;
  });
  const offs = stack.map((place, i) => tops[i] + boxes[place][1] / 2 - goals[i]);
  const shift = offs.reduce((a, b) => a + b, 0) / stack.length;
  stack.forEach((place, i) => (centres[place] = tops[i] + boxes[place][1] / 2 - shift));
}
