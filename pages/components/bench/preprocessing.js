// What is done to features before a network sees them: core/foundations/preprocessing.py, in two
// dimensions where features are mixed.

const LEAST_VARIANCE = 1e-12; // what is less has no direction, and is left as it is

const oneOverSpread = (variance) => (variance < LEAST_VARIANCE ? 1 : 1 / Math.sqrt(variance));

/** Falling variances and their directions, each with its largest number above 0. */
function directions([a, b, c]) {
  const middle = (a + c) / 2, reach = Math.hypot((a - c) / 2, b);
  const angle = Math.atan2(2 * b, a - c) / 2; // of the larger variance
  const upright = ([x, y]) => ((Math.abs(x) >= Math.abs(y) ? x : y) < 0 ? [-x, -y] : [x, y]);
  const first = [Math.cos(angle), Math.sin(angle)];
  return {
    variances: [middle + reach, middle - reach],
    axes: [upright(first), upright([-first[1], first[0]])],
  };
}

/** By name: from the covariance `[xx, xy, yy]` to the two axes that features are measured along. */
const METHODS = {
  centre: () => [[1, 0], [0, 1]],
  scale: ([a, , c]) => [[oneOverSpread(a), 0], [0, oneOverSpread(c)]],
  pca: (covariance) => directions(covariance).axes,
  whiten: (covariance) => {
    const { variances, axes } = directions(covariance);
    return axes.map((axis, k) => axis.map((v) => v * oneOverSpread(variances[k])));
  },
};

/**
 * Finds on points `[x, y, …]` what is then done to any.
 * @returns a function from `[x, y]` to the two new features
 */
export function fitted(method, points) {
  const n = points.length;
  const mean = [0, 1].map((k) => points.reduce((sum, point) => sum + point[k], 0) / n);
  const product = (j, k) =>
    points.reduce((sum, p) => sum + (p[j] - mean[j]) * (p[k] - mean[k]), 0) / n;
  const axes = METHODS[method]([product(0, 0), product(0, 1), product(1, 1)]);
  return ([x, y]) => axes.map(([u, v]) => u * (x - mean[0]) + v * (y - mean[1]));
}

/** Numbers with mean 0 and σ 1 instead, and what these were; equal numbers become 0. */
export function standardised(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const spread = Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / values.length) || 1;
  return { mean, spread, values: values.map((v) => (v - mean) / spread) };
}
