// Which point is under the pointer: picked here, at once and for fingers too. Plotly finds it a
// little later, may mean where the pointer was before, and in 3-D calls every press a click.
// All that is used of Plotly's private parts stands in this file: tests/pages/test_private_parts.py
// names the version.

export const NEAR = 8; // pixels around a point that are the point's, and that a tap may move

/** The ranges of both axes in view, in 2-D; undefined before that. */
export function rangesInView(plot) {
  const { xaxis, yaxis } = plot?._fullLayout ?? {};
  return xaxis && yaxis ? [xaxis.range.slice(), yaxis.range.slice()] : undefined;
}

/** The coordinates of a place of the stage, in 2-D. */
export function coordinates(plot, [left, top]) {
  const { xaxis, yaxis } = plot._fullLayout;
  const at = ({ range: [low, high], _length }, pixels) => low + (pixels / _length) * (high - low);
  return [at(xaxis, left - xaxis._offset), at(yaxis, yaxis._length - (top - yaxis._offset))];
}

/**
 * How coordinates become pixels of the stage: rows of four factors, for x, y, z and 1. A pixel is
 * across / depth and down / depth; the smaller the depth, the nearer to the eye.
 */
export function projection(plot, width, height) {
  const { xaxis, yaxis, scene } = plot._fullLayout;
  if (!scene) {
    const scale = ({ range: [low, high], _length }) => _length / (high - low);
    const x = scale(xaxis), y = scale(yaxis);
    return {
      across: [x, 0, 0, xaxis._offset - x * xaxis.range[0]],
      down: [0, -y, 0, yaxis._offset + yaxis._length + y * yaxis.range[0]],
      depth: [0, 0, 0, 1],
    };
  }
  const { glplot, dataScale } = scene._scene, camera = glplot.cameraParams;
  const all = [camera.projection, camera.view, camera.model].reduce(product);
  const row = (r) => [0, 1, 2, 3].map((c) => all[r + 4 * c] * (dataScale[c] ?? 1));
  const [x, y, , depth] = [0, 1, 2, 3].map(row);
  return {
    across: x.map((v, k) => ((depth[k] + v) * width) / 2),
    down: y.map((v, k) => ((depth[k] - v) * height) / 2),
    depth,
  };
}

/** Of two matrices of 4 by 4, a column after the other. */
function product(a, b) {
  const entries = new Float64Array(16);
  for (let c = 0; c < 4; c++) {
    for (let r = 0; r < 4; r++) {
      for (let k = 0; k < 4; k++) entries[r + 4 * c] += a[r + 4 * k] * b[k + 4 * c];
    }
  }
  return entries;
}

/**
 * The index of the point at a place of the stage, or undefined where none is within reach, in
 * squared pixels. In 3-D it is the foremost of those that cover the place, and else the nearest.
 */
export function nearest(
  { across, down, depth }, axes, members, [left, top], size, reach = NEAR ** 2 + size,
) {
  const [xs, ys, zs] = axes, cover = zs ? (size * 0.6) ** 2 : 0;
  let best, least = reach, front = Infinity;
  for (const i of members) {
    const x = xs[i], y = ys[i], z = zs ? zs[i] : 0;
    const far = depth[0] * x + depth[1] * y + depth[2] * z + depth[3];
    if (far <= 0) continue; // behind the eye
    const dx = (across[0] * x + across[1] * y + across[2] * z + across[3]) / far - left;
    const dy = (down[0] * x + down[1] * y + down[2] * z + down[3]) / far - top;
    const away = dx * dx + dy * dy;
    const covers = away < cover;
    if (covers ? far < front : front === Infinity && away < least) {
      best = i;
      if (covers) front = far;
      else least = away;
    }
  }
  return best;
}
