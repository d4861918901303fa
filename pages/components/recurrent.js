// Recurrent cells on typed arrays, with PyTorch's layout of weights: the rows of a gate stand
// together, LSTM's in the order input, forget, candidate, output; GRU's reset, update, candidate.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** out[r] = bias[r] + Σ matrix[r][c] · x[c]; `matrix` row by row. */
function affine(matrix, bias, x, out) {
  const columns = x.length, fours = columns & ~3;
  for (let r = 0, at = 0; r < out.length; r++) {
    let a = bias ? bias[r] : 0, b = 0, c = 0, d = 0; // no addition waits for the one before
    let column = 0;
    for (; column < fours; column += 4, at += 4) {
      a += matrix[at] * x[column];
      b += matrix[at + 1] * x[column + 1];
      c += matrix[at + 2] * x[column + 2];
      d += matrix[at + 3] * x[column + 3];
    }
    for (; column < columns; column++) a += matrix[at++] * x[column];
    out[r] = a + b + (c + d);
  }
  return out;
}

/**
 * One layer of an LSTM, in one direction, over a sequence.
 *
 * @param {{ih: Float32Array|Float64Array, hh: Float32Array|Float64Array,
 *          bIh: Float32Array|Float64Array, bHh: Float32Array|Float64Array}} weights
 *   `weight_ih` (4H, I), `weight_hh` (4H, H) and both biases (4H).
 * @param {ArrayLike<number>[]} inputs - a vector of I numbers a step.
 * @param {{h?: Float64Array, c?: Float64Array, reverse?: boolean, projected?: boolean}} [from] - the
 *   states before the first step, zero where they are not given; `reverse` goes from the last step
 *   to the first; `projected`: the inputs are what `weight_ih` and its bias make of them, (4H).
 * @returns {{h: Float64Array, c: Float64Array, i: Float64Array, f: Float64Array,
 *            g: Float64Array, o: Float64Array}[]} states and gates after each step, in the order
 *   of the inputs.
 */
export function lstm(weights, inputs, { h, c, reverse = false, projected = false } = {}) {
  const units = weights.hh.length ? Math.sqrt(weights.hh.length / 4) : 0;
  let hidden = h ?? new Float64Array(units);
  let cell = c ?? new Float64Array(units);
  let fromInput = new Float64Array(4 * units);
  const fromState = new Float64Array(4 * units);
  const steps = new Array(inputs.length);
  for (let n = 0; n < inputs.length; n++) {
    const t = reverse ? inputs.length - 1 - n : n;
    if (projected) fromInput = inputs[t];
    else affine(weights.ih, weights.bIh, inputs[t], fromInput);
    affine(weights.hh, weights.bHh, hidden, fromState);
    const step = {};
    for (const name of ["h", "c", "i", "f", "g", "o"]) step[name] = new Float64Array(units);
    for (let u = 0; u < units; u++) {
      const sum = (gate) => fromInput[gate * units + u] + fromState[gate * units + u];
      step.i[u] = sigmoid(sum(0));
      step.f[u] = sigmoid(sum(1));
      step.g[u] = Math.tanh(sum(2));
      step.o[u] = sigmoid(sum(3));
      step.c[u] = step.f[u] * cell[u] + step.i[u] * step.g[u];
      step.h[u] = step.o[u] * Math.tanh(step.c[u]);
    }
    ({ h: hidden, c: cell } = steps[t] = step);
  }
  return steps;
}

export { affine, sigmoid };
