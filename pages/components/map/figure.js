// What Plotly is given: traces and layout, made anew from how the map stands.

import { clamp } from "../common.js";
import { mixed, parsed, rgb, theme } from "../plotly.js";
import { unpack } from "./packing.js";

const VIRIDIS = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];
export const EYE = { x: 0.92, y: 0.92, z: 0.6 };
const FADED = 0.1; // opacity of what a lasso leaves out

export class Colours {
  /** Read the page's theme. @param packed the colouring, `groups` the legend's own groups */
  constructor(root, data, groups) {
    [this.paper, this.ink, this.accent] = theme(root).map(parsed);
    this.dark = this.paper[0] + this.paper[1] + this.paper[2] < 384;
    this.none = mixed(this.paper, this.ink, 0.28);
    const { scale, values } = data.colours;
    this.scale = scale;
    this.own = !scale && !values; // the legend's groups have these colours
    this.values = values ? unpack(values) : groups;
    this.palette = data.palette.map(parsed);
    this.table = scale ? this.steps() : this.classes(data.colours.names.length);
  }

  /** A colour a group, 0 for none; past the palette's end lighter and darker ones. */
  classes(count) {
    const table = [this.none];
    for (let k = 0; k < count; k++) {
      const round = Math.floor(k / this.palette.length) % 4;
      const base = this.palette[k % this.palette.length];
      const towards = round % 2 ? [255, 255, 255] : [0, 0, 0];
      table.push(mixed(base, towards, [0, 0.45, 0.4, 0.7][round]));
    }
    return table;
  }

  /** Of each byte; viridis without the end that the paper would swallow. */
  steps() {
    const [from, to] = this.dark ? [0.16, 1] : [0, 0.93];
    const at = (t) => {
      const place = (from + t * (to - from)) * (VIRIDIS.length - 1);
      const k = Math.min(Math.floor(place), VIRIDIS.length - 2);
      return mixed(VIRIDIS[k], VIRIDIS[k + 1], place - k);
    };
    return Array.from({ length: 256 }, (_, i) => (i === 255 ? this.none : at(i / 254)));
  }

  /** The colours of some points, as Plotly takes them. */
  of(members) {
    const texts = this.table.map((c) => rgb(c));
    return members.map((i) => texts[this.values?.[i] ?? 0]);
  }

  css(value) {
    return rgb(this.table[value]);
  }
}

/** Pixels of a point, fewer the more there are. */
export const pointSize = (count, width) =>
  clamp(38 / count ** 0.25, 2.6, 9) * (width < 500 ? 0.85 : 1);

/**
 * The one trace of all points.
 * @param map members: indices; axes: coordinates; chosen: places in members, or null; colours; size
 */
export function traces(map) {
  const { axes, members, colours, size } = map, three = axes.length === 3;
  const pick = (axis) => members.map((i) => axis[i]);
  const points = {
    type: three ? "scatter3d" : "scattergl",
    mode: "markers", hoverinfo: "skip", x: pick(axes[0]), y: pick(axes[1]),
    marker: {
      size: three ? size * 0.6 : size,
      color: colours.of(members),
      opacity: three ? 1 : 0.8,
      line: { width: 0 },
    },
  };
  if (three) return [{ ...points, z: pick(axes[2]) }];
  return [{
    ...points,
    selectedpoints: map.chosen,
    selected: { marker: { opacity: 0.9 } },
    unselected: { marker: { opacity: FADED } },
  }];
}

/**
 * The layout.
 * @param map also ranges, eye, tool, lasso, and ticks: whether the axes mean anything
 */
export function layout(map) {
  const { axes, colours, ranges } = map;
  const common = {
    autosize: true,
    margin: { l: 0, r: 0, t: 0, b: 0 },
    showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: false, // see picking.js
    clickmode: "none",
    selections: [],
    font: { color: rgb(mixed(colours.paper, colours.ink, 0.6)), size: 11 },
  };
  if (axes.length === 3) {
    const axis = (range) => ({
      range: range.slice(), autorange: false, title: { text: "" }, showticklabels: false,
      showgrid: false, zeroline: false, showspikes: false, showbackground: false, ticks: "",
      showline: false,
    });
    const [xaxis, yaxis, zaxis] = ranges.map(axis);
    const camera = {
      eye: { ...map.eye }, center: { x: 0, y: 0, z: 0 }, up: { x: 0, y: 0, z: 1 },
    };
    const still = { aspectmode: "cube", dragmode: "turntable", hovermode: false };
    return { ...common, scene: { xaxis, yaxis, zaxis, camera, ...still } };
  }
  const axis = (range) => ({
    range: range.slice(), autorange: false, showgrid: false,
    zeroline: map.ticks, zerolinecolor: rgb(mixed(colours.paper, colours.ink, 0.16)),
    zerolinewidth: 1,
    showticklabels: map.ticks, ticklabelposition: "inside", ticks: "", nticks: 7,
  });
  return {
    ...common,
    xaxis: axis(ranges[0]),
    yaxis: { ...axis(ranges[1]), scaleanchor: "x" }, // a distance is the same both ways
    dragmode: map.tool,
    newselection: { line: { color: rgb(colours.ink), width: 1.5, dash: "dot" } },
    shapes: map.lasso ? [outline(map.lasso, colours)] : [],
  };
}

function outline(polygon, colours) {
  return {
    type: "path", layer: "above",
    path: `M${polygon.map(([x, y]) => `${x},${y}`).join("L")}Z`,
    line: { color: rgb(colours.accent), width: 1.5 },
    fillcolor: rgb(colours.accent, 0.06),
  };
}

/** When what is drawn now can be seen; at once where nobody looks. */
export const painted = () => document.hidden || new Promise((done) => {
  requestAnimationFrame(() => setTimeout(done));
});

/** Points on a canvas of that size, in the places in which Plotly will draw them. */
export function sketch(canvas, width, height, { axes, ranges, members, chosen, colours, size }) {
  const sharp = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: width * sharp, height: height * sharp });
  const context = canvas.getContext("2d");
  context.scale(sharp, sharp);
  const spans = ranges.map(([low, high]) => high - low);
  const scale = Math.min(width / spans[0], height / spans[1]); // the same both ways
  const [x0, y0] = ranges.map(([low, high]) => (low + high) / 2);
  const texts = colours.of(members), kept = chosen && new Set(chosen);
  members.forEach((i, k) => {
    context.fillStyle = texts[k];
    context.globalAlpha = kept && !kept.has(k) ? FADED : 0.8;
    const x = width / 2 + (axes[0][i] - x0) * scale, y = height / 2 - (axes[1][i] - y0) * scale;
    context.fillRect(x - size / 2, y - size / 2, size, size);
  });
}
