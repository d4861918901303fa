// Marks on a plane's canvas, many at a stroke: dots, arrows, a cross. `px` and `py` are from places to
// the canvas.

/** Dots at n places, feature by feature. */
export function dots(context, at, n, { px, py, colour, alpha, size }) {
  context.fillStyle = colour;
  context.globalAlpha = alpha;
  context.beginPath();
  for (let p = 0; p < n; p++) {
    const [x, y] = [px(at[p]), py(at[n + p])];
    context.moveTo(x + size, y);
    context.arc(x, y, size, 0, 2 * Math.PI);
  }
  context.fill();
  context.globalAlpha = 1;
}

/**
 * Arrows at n places, along a field times a scale: a size of 1 or more is as long as `most`, shorter
 * than `least` is not drawn. They begin at their places, or have them in their middle.
 */
export function arrows(context, places, field, { n, scale, px, py, most, colour, alpha = 0.45, least = 0.02, middle = true }) {
  context.strokeStyle = colour;
  context.globalAlpha = alpha;
  context.lineWidth = 1;
  context.beginPath();
  for (let i = 0; i < n; i++) {
    const [u, v] = [field[i] * scale, field[n + i] * scale];
    const size = Math.hypot(u, v);
    if (!(size > least)) continue;
    const long = (most * Math.min(size, 1)) / size;
    const [dx, dy] = [u * long, -v * long];
    const back = middle ? 0.5 : 0;
    const [x, y] = [px(places[i]) - back * dx, py(places[n + i]) - back * dy];
    context.moveTo(x, y);
    context.lineTo(x + dx, y + dy);
    context.lineTo(x + 0.68 * dx - 0.2 * dy, y + 0.68 * dy + 0.2 * dx);
    context.moveTo(x + dx, y + dy);
    context.lineTo(x + 0.68 * dx + 0.2 * dy, y + 0.68 * dy - 0.2 * dx);
  }
  context.stroke();
  context.globalAlpha = 1;
}

/** Where the hand points. */
export function cross(context, x, y, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 4 * dx, y + 4 * dy);
    context.lineTo(x + 11 * dx, y + 11 * dy);
  }
  context.stroke();
}
