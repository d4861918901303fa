// Linear least squares in closed form, by the singular values of the matrix (Jacobi, one-sided), so
// that what depends on each other does no harm: of many solutions the shortest is taken.

const SWEEPS = 40;
const TINY = 1e-13; // of the largest singular value: smaller ones count as 0

/**
 * @param columns of the matrix, each as long as y
 * @returns the solution, and the singular values, the largest first
 */
export function leastSquares(columns, y) {
  const n = columns.length;
  const u = columns.map((column) => Float64Array.from(column));
  const v = u.map((_, i) => Float64Array.from({ length: n }, (__, k) => (i === k ? 1 : 0)));
  for (let sweep = 0; sweep < SWEEPS && rotate(u, v) > 1e-15; sweep++);
  const sizes = u.map((column) => Math.sqrt(dot(column, column)));
  const limit = TINY * Math.max(...sizes);
  const solution = new Float64Array(n);
  u.forEach((column, k) => {
    if (!(sizes[k] > limit)) return;
    const share = dot(column, y) / sizes[k] ** 2;
    for (let i = 0; i < n; i++) solution[i] += share * v[k][i];
  });
  return { solution, singular: sizes.sort((a, b) => b - a) };
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Turns each pair of columns until they are at right angles; gives the largest cosine before. */
function rotate(u, v) {
  let largest = 0;
  for (let p = 0; p < u.length; p++) {
    for (let q = p + 1; q < u.length; q++) {
      const [a, b, c] = [dot(u[p], u[p]), dot(u[q], u[q]), dot(u[p], u[q])];
      if (a === 0 || b === 0 || c === 0) continue;
      largest = Math.max(largest, Math.abs(c) / Math.sqrt(a * b));
      const zeta = (b - a) / (2 * c);
      const t = (Math.sign(zeta) || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
      const cosine = 1 / Math.sqrt(1 + t * t);
      turn(u[p], u[q], cosine, cosine * t);
      turn(v[p], v[q], cosine, cosine * t);
    }
  }
  return largest;
}

function turn(a, b, cosine, sine) {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}

/**
 * The smallest of mean((X w + b - y)²) + ridge · Σw², b free.
 * @returns weights, bias, and the eigenvalues of the loss's second derivatives, the largest first
 */
export function ridgeRegression(features, y, ridge) {
  const n = y.length;
  const d = features.length;
  const extra = ridge > 0 ? d : 0;
  const columns = features.map((feature, k) => {
    const column = new Float64Array(n + extra);
    column.set(feature);
    if (extra) column[n + k] = Math.sqrt(n * ridge);
    return column;
  });
  columns.push(new Float64Array(n + extra).fill(1, 0, n));
  const targets = new Float64Array(n + extra);
  targets.set(y);
  const { solution, singular } = leastSquares(columns, targets);
  return {
    weights: solution.slice(0, d), bias: solution[d],
    eigenvalues: Array.from(singular, (size) => (2 * size * size) / n),
  };
}
