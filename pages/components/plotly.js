// Plotly's script, and the page's colours as it takes them.

import { make } from "./common.js";

let arriving = null;

/** Plotly, loaded once for the page. Rejects with a sentence, and tries again when called again. */
export function loadPlotly(src) {
  arriving ??= new Promise((done, failed) => {
    const sorry = () => failed(new Error("The chart's script did not arrive. Reload the page."));
    const loaded = () => (window.Plotly ? done(window.Plotly) : sorry());
    document.head.append(make("script", { src, onload: loaded, onerror: sorry }));
  }).catch((error) => {
    arriving = null;
    throw error;
  });
  return arriving;
}

export const rgb = ([r, g, b], alpha = 1) => `rgba(${r},${g},${b},${alpha})`;

/** Red, green and blue of any CSS colour. */
export function parsed(colour) {
  parsed.context ??= make("canvas", { width: 1, height: 1 }).getContext("2d", {
    willReadFrequently: true,
  });
  const { context } = parsed;
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/** The page's background, text and accent. */
export function theme(root) {
  const style = getComputedStyle(root);
  const names = ["background-color", "text-color", "primary-color"];
  return names.map((name) => style.getPropertyValue(`--st-${name}`).trim() || "#888");
}

export const mixed = (a, b, t) => a.map((v, k) => Math.round(v + t * (b[k] - v)));
