// The pictures of the bench: a series with its forecast, units over time, a loss, bars.

const PAD = { left: 46, right: 12, top: 10, bottom: 24 };

/** A canvas as sharp as the screen, empty, with the theme's colours. */
function prepare(canvas, height = null) {
  if (height) canvas.style.height = `${height}px`;
  const ratio = globalThis.devicePixelRatio || 1, width = canvas.clientWidth || 300;
  const tall = canvas.clientHeight || 150;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(tall * ratio);
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
  context.scale(ratio, ratio);
  context.font = `12px ${style.fontFamily}`;
  const named = (name, other) => style.getPropertyValue(name).trim() || other;
  return {
    context, width, height: tall, ink: style.color,
    accent: named("--st-primary-color", "#e8590c"), line: named("--st-border-color", "#ddd"),
    ground: named("--st-background-color", "#fff"),
  };
}

export const rounded = (x) => {
  const size = Math.abs(x);
  return x.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);
};

function ticks(low, high, count = 4) {
  const rough = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) found.push(v);
  return found;
}

/** A series with a forecast; returns where steps and values lie. */
export function series(canvas, { values, given, said, from, to, origin, held, chosen, hovered, tick,
  learnt }) {
  const { context: c, width, height, ink, accent, line } = prepare(canvas);
  const inside = said.filter(({ step }) => step >= from && step <= to);
  const all = [...values.slice(from, to + 1), ...given.slice(from, to + 1)];
  let low = Math.min(...all), high = Math.max(...all);
  const room = (high - low) * 0.35 || 1; // what goes beyond that is cut off
  for (const one of inside) {
    for (const v of [one.value, one.low ?? one.value, one.high ?? one.value]) {
      if (!Number.isFinite(v)) continue;
      low = Math.max(Math.min(low, v), Math.min(...all) - room);
      high = Math.min(Math.max(high, v), Math.max(...all) + room);
    }
  }
  if (held?.plot) ({ low, high } = held.plot);
  const across = (width - PAD.left - PAD.right) / Math.max(1, to - from);
  const x = (t) => PAD.left + (t - from) * across;
  const y = (v) => height - PAD.bottom -
    ((v - low) / (high - low || 1)) * (height - PAD.top - PAD.bottom);
  c.strokeStyle = line;
  c.fillStyle = ink;
  c.textAlign = "right";
  c.textBaseline = "middle";
  for (const v of ticks(low, high)) {
    stroke(c, [[PAD.left, y(v)], [width - PAD.right, y(v)]], 1);
    c.fillText(`${Number(v.toPrecision(6))}`, PAD.left - 6, y(v));
  }
  c.textAlign = "center";
  const every = Math.max(12, 12 * Math.ceil(46 / (12 * across)));
  for (let t = from + ((12 - (from % 12)) % 12); t <= to; t += every) {
    c.fillText(tick(t), Math.max(PAD.left + 10, Math.min(x(t), width - 20)), height - 8);
  }
  c.save();
  c.beginPath();
  c.rect(PAD.left, 0, width - PAD.left, height - PAD.bottom + 2);
  c.clip();
  c.setLineDash([3, 4]);
  c.strokeStyle = ink;
  c.globalAlpha = 0.5;
  stroke(c, [[x(origin - 0.5), 0], [x(origin - 0.5), height]], 1);
  if (learnt !== origin) {
    c.globalAlpha = 0.2;
    stroke(c, [[x(learnt - 0.5), 0], [x(learnt - 0.5), height]], 1);
  }
  c.setLineDash([]);
  c.globalAlpha = 1;
  const limits = inside.filter((one) => one.low !== null);
  if (limits.length) {
    c.fillStyle = accent;
    c.globalAlpha = 0.2;
    c.beginPath();
    for (const { step, high: v } of limits) c.lineTo(x(step), y(v));
    for (const { step, low: v } of limits.toReversed()) c.lineTo(x(step), y(v));
    c.fill();
    c.globalAlpha = 1;
  }
  const path = (list, first, last) => list.slice(first, last + 1).map((v, i) => [x(first + i), y(v)]);
  c.strokeStyle = ink;
  c.globalAlpha = 0.35;
  stroke(c, path(values, Math.max(from, origin - 1), to), 1.5);
  if (given.some((v, t) => v !== values[t])) {
    c.setLineDash([2, 3]);
    stroke(c, path(given, from, Math.min(to, origin - 1)), 1);
    c.setLineDash([]);
  }
  c.globalAlpha = 1;
  stroke(c, path(values, from, Math.min(to, origin - 1)), 1.6);
  if (across > 4) {
    c.fillStyle = ink;
    for (let t = from; t < Math.min(origin, values.length); t++) dot(c, x(t), y(values[t]), 2);
  }
  c.strokeStyle = accent;
  const start = inside[0]?.step === origin && origin ? [[x(origin - 1), y(values[origin - 1])]] : [];
  stroke(c, [...start, ...inside.map(({ step, value }) => [x(step), y(value)])], 2.2);
  const marked = held?.step ?? chosen;
  if (marked !== null && marked !== undefined && marked >= from) {
    c.fillStyle = accent;
    dot(c, x(marked), y(values[marked]), 6);
  }
  if (hovered !== null && hovered !== undefined && hovered >= from && hovered <= to) {
    c.globalAlpha = 0.4;
    c.strokeStyle = ink;
    stroke(c, [[x(hovered), 0], [x(hovered), height]], 1);
    c.globalAlpha = 1;
    c.fillStyle = ink;
    if (hovered < values.length) dot(c, x(hovered), y(values[hovered]), 4);
  }
  c.restore();
  return {
    x, y, low, high, from, to, across,
    stepAt: (px) => Math.max(from, Math.min(to, Math.round((px - PAD.left) / across) + from)),
    valueAt: (py) => low + ((height - PAD.bottom - py) / (height - PAD.top - PAD.bottom)) *
      (high - low),
  };
}

function stroke(c, points, width) {
  c.lineWidth = width;
  c.lineJoin = "round";
  c.beginPath();
  for (const [x, y] of points) if (Number.isFinite(y)) c.lineTo(x, y);
  c.stroke();
}

function dot(c, x, y, radius) {
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
  c.fill();
}

const LABELS = {
  i: "input", f: "forget", g: "candidate", o: "output", c: "cell", h: "output h", r: "reset",
  z: "update", n: "candidate",
};
const OPEN = new Set(["i", "f", "o", "r", "z"]); // between 0 and 1

/** Each unit of a layer over time, gate by gate; returns which row lies where. */
export function units(canvas, { states, gates, hidden, plot, hovered, row }) {
  const tall = Math.max(4, Math.min(12, Math.floor(44 / hidden))), gap = 5;
  const block = tall * hidden + gap;
  const { context: c, ink, height } = prepare(canvas, gates.length * block + 4);
  const { x, across } = plot;
  c.textBaseline = "middle";
  gates.forEach((gate, k) => {
    const top = k * block;
    c.fillStyle = ink;
    c.globalAlpha = 1;
    c.textAlign = "left";
    c.font = c.font.replace("12px", "10px");
    c.fillText(LABELS[gate], 0, top + (block - gap) / 2, 44);
    for (const [t, state] of states) {
      if (t < plot.from || t > plot.to) continue;
      for (let u = 0; u < hidden; u++) {
        const v = state[gate][u];
        c.fillStyle = OPEN.has(gate) ? ink : v < 0 ? "#3d8bff" : "#ff922b";
        c.globalAlpha = Math.min(1, Math.abs(v)) * (OPEN.has(gate) ? 0.8 : 1);
        c.fillRect(x(t) - across / 2, top + u * tall, across + 0.5, tall - 1);
      }
    }
  });
  c.globalAlpha = 1;
  c.strokeStyle = ink;
  if (row) {
    const top = gates.indexOf(row.gate) * block + row.unit * tall;
    c.strokeRect(x(plot.from) - across / 2, top - 0.5, x(plot.to) - x(plot.from) + across, tall);
  }
  if (hovered !== null && hovered !== undefined && hovered >= plot.from) {
    c.globalAlpha = 0.6;
    stroke(c, [[x(hovered), 0], [x(hovered), height]], 1);
  }
  return {
    rowAt: (py) => {
      const k = Math.max(0, Math.min(gates.length - 1, Math.floor(py / block)));
      const unit = Math.max(0, Math.min(hidden - 1, Math.floor((py - k * block) / tall)));
      return { gate: gates[k], unit };
    },
  };
}

/** A bar for each number, labelled by its lag. */
function bars(canvas, numbers, first, labels) {
  const { context: c, width, height, ink, accent, line } = prepare(canvas);
  const largest = Math.max(1e-12, ...numbers.map(Math.abs)), signed = numbers.some((v) => v < 0);
  const zero = signed ? (height - 20) / 2 : height - 22, tall = signed ? zero - 6 : zero - 8;
  const wide = (width - PAD.left - PAD.right) / Math.max(1, numbers.length);
  c.strokeStyle = line;
  stroke(c, [[PAD.left, zero], [width - PAD.right, zero]], 1);
  c.textAlign = "center";
  numbers.forEach((v, i) => {
    c.fillStyle = accent;
    const high = (v / largest) * tall;
    c.fillRect(PAD.left + i * wide + 1, zero - Math.max(0, high), Math.max(1, wide - 2),
      Math.abs(high));
    c.fillStyle = ink;
    const every = Math.ceil(26 / wide);
    if (i % every === 0) c.fillText(i + first, PAD.left + (i + 0.5) * wide, height - 6);
  });
  c.fillStyle = ink;
  c.textAlign = "right";
  c.fillText(labels[0], PAD.left - 6, 14);
  if (labels[1]) c.fillText(labels[1], PAD.left - 6, zero + 4);
}

export const lags = (canvas, weights) =>
  bars(canvas, weights, 1, [rounded(Math.max(...weights.map(Math.abs))), "lag"]);

export function reach(canvas, numbers) {
  const largest = Math.max(1e-12, ...numbers);
  bars(canvas, numbers.map((v) => v / largest), 0, ["100 %", "steps"]);
}

/** Losses on a logarithmic scale, with the gradient's norm and earlier ones. */
export function loss(canvas, losses, norms, earlier) {
  const { context: c, width, height, ink, accent, line } = prepare(canvas);
  const every = [losses, norms, ...earlier.map((one) => one.losses)].flat()
    .filter((v) => v > 0 && Number.isFinite(v));
  if (!every.length) {
    c.fillStyle = ink;
    c.fillText("Press Train.", PAD.left, height / 2);
    return;
  }
  const low = Math.floor(Math.log10(every.reduce((a, b) => Math.min(a, b))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(every.reduce((a, b) => Math.max(a, b)))));
  const most = Math.max(2, losses.length, ...earlier.map((one) => one.losses.length));
  const x = (t) => PAD.left + (t / (most - 1)) * (width - PAD.left - PAD.right);
  const y = (v) => height - PAD.bottom -
    ((Math.log10(v) - low) / (high - low)) * (height - PAD.top - PAD.bottom);
  c.textAlign = "right";
  c.textBaseline = "middle";
  c.fillStyle = ink;
  for (let k = low; k <= high; k++) {
    c.strokeStyle = line;
    stroke(c, [[PAD.left, y(10 ** k)], [width - PAD.right, y(10 ** k)]], 1);
    c.fillText(k < -2 || k > 3 ? `1e${k}` : `${Number((10 ** k).toPrecision(1))}`,
      PAD.left - 6, y(10 ** k));
  }
  c.fillText(`${most}`, width - PAD.right, height - 8);
  const curve = (list, colour, alpha, wide) => {
    c.strokeStyle = colour;
    c.globalAlpha = alpha;
    stroke(c, list.map((v, t) => [x(t), y(v)]), wide);
    c.globalAlpha = 1;
  };
  for (const one of earlier) curve(one.losses, ink, 0.35, 1);
  curve(norms, accent, 0.3, 1);
  curve(losses, accent, 1, 1.8);
}
