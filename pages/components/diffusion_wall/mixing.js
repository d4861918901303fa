// Between two noises.

/** Along the straight line. Where two noises are far apart it comes out with less of it than either. */
export const linear = (a, b, share) => a.map((v, i) => (1 - share) * v + share * b[i]);

/** Along the arc of a great circle (Shoemake 1985), the length going evenly from one's to the other's. */
export function slerp(a, b, share) {
  const [from, to] = [length(a), length(b)];
  let cosine = 0;
  for (let i = 0; i < a.length; i++) cosine += a[i] * b[i];
  cosine = Math.min(1, Math.max(-1, cosine / (from * to)));
  const angle = Math.acos(cosine);
  if (!(Math.sin(angle) > 1e-6)) return linear(a, b, share);
  const [p, q] = [Math.sin((1 - share) * angle), Math.sin(share * angle)];
  const size = ((1 - share) * from + share * to) / Math.sin(angle);
  return a.map((v, i) => size * ((p * v) / from + (q * b[i]) / to));
}

const length = (values) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

/** The root of the mean square of some numbers, less those of others where there are any. */
export function spread(values, others = null) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] - (others ? others[i] : 0)) ** 2;
  return Math.sqrt(sum / values.length);
}
