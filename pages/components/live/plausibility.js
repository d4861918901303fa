// Beside the pad: how ordinary the code is, and what can be taken away of it.

import { make, save } from "../common.js";

const LARGER = 10; // times the picture's size, each pixel a square

/** The share of χ² that lies below, by the series of the incomplete gamma function. */
export function chiSquared(squared, degrees) {
  const a = degrees / 2, x = squared / 2;
  if (x > a + 300) return 1; // by far; the series would overflow
  let logGamma = a % 1 ? Math.log(Math.PI) / 2 : 0; // of 1/2, or of 1
  for (let k = a % 1 || 1; k < a; k++) logGamma += Math.log(k);
  let term = 1 / a, sum = term;
  for (let k = a + 1; term > 1e-9 * sum; k++) sum += term *= x / k;
  return Math.min(1, sum * Math.exp(a * Math.log(x) - x - logGamma));
}

/** The share of all draws that lie nearer to the middle than a code, as core/inference says it. */
export function nearer(code, { centre, root, degrees }) {
  const z = code.map((v, i) => v - centre[i]);
  const even = root ? root.map((row) => row.reduce((sum, v, i) => sum + v * z[i], 0)) : z;
  return chiSquared(even.reduce((sum, v) => sum + v * v, 0), degrees);
}

/** What is to be said of a code, as core/inference says it. @param mean of an image's posterior */
export function stateOf(share, { rare, hollow, prior }, mean) {
  if (share > rare) return "outside";
  if (mean && prior) return "mean";
  return hollow && share < 1 - rare ? "near" : "inside";
}

/** A share in words: neither none nor all of them where it is not so. */
export function shareText(share) {
  const percent = Math.round(100 * share);
  if (percent < 1) return "fewer than 1%";
  return percent > 99 ? "over 99%" : `${percent}%`;
}

/** Say on an element whether the decoder knows such codes; `spread` has the sentences too. */
export function judge(element, code, spread, mean) {
  element.hidden = !spread;
  if (!spread) return;
  const share = nearer(code, spread), state = stateOf(share, spread, mean);
  const [badge, why] = spread.said[state];
  element.dataset.state = state;
  const said = element.querySelector(".badge"); // and read aloud, so only when it is another
  if (said.textContent !== badge) said.textContent = badge;
  element.querySelector(".why").textContent = why.replace("{share}", shareText(share));
}

export function takePicture(canvas, name) {
  const [width, height] = [LARGER * canvas.width, LARGER * canvas.height];
  const large = make("canvas", { width, height }), context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, width, height);
  large.toBlob((blob) => save(blob, `${name}.png`));
}

/** A latent as a table of one row; its class is a column of its own. */
export function takeNumbers(latent, label, name, column) {
  const cells = [...latent].map((v, i) => [`${column} ${i}`, Math.round(v * 1e4) / 1e4]);
  if (label !== null) cells.push(["label", label]);
  const rows = [0, 1].map((k) => cells.map((cell) => cell[k]).join(","));
  save(`${rows.join("\n")}\n`, `${name}.csv`, "text/csv");
}
