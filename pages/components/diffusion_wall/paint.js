// Pictures of numbers on canvases.

import { make, save } from "../common.js";

const ABOVE = [255, 153, 26]; // orange for numbers above 0, blue for those below, as core/images.py
const BELOW = [51, 140, 255];
const LARGER = 10; // times, as a file

function put(canvas, [, height, width], colour) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let p = 0; p < height * width; p++) colour(p, image.data.subarray(4 * p, 4 * p + 4));
  context.putImageData(image, 0, 0);
}

/** The bytes (H, W, C) of a picture in [-1, 1]; what is beyond is cut. */
export const bytes = (values, shrink = 1) =>
  Uint8ClampedArray.from(values, (v) => 127.5 * (v / shrink + 1));

/** A picture in [-1, 1] of a shape [C, H, W], in HWC order. */
export function paint(canvas, values, shape, shrink = 1) {
  const pixels = bytes(values, shrink), [channels] = shape;
  put(canvas, shape, (p, rgba) => {
    for (let k = 0; k < 3; k++) rgba[k] = pixels[channels * p + (channels === 3 ? k : 0)];
    rgba[3] = 255;
  });
}

/** Numbers of either sign: orange above 0, blue below, black at 0; `most` has the full colour. */
export function paintSigned(canvas, values, shape, most) {
  const [channels] = shape;
  put(canvas, shape, (p, rgba) => {
    let value = 0;
    for (let k = 0; k < channels; k++) value += values[channels * p + k] / channels;
    const colour = value > 0 ? ABOVE : BELOW, share = Math.min(1, Math.abs(value) / most);
    for (let k = 0; k < 3; k++) rgba[k] = share * colour[k];
    rgba[3] = 255;
  });
}

/** Canvases as one file, in rows. */
export function savePictures(canvases, columns, name) {
  const { width, height } = canvases[0], rows = Math.ceil(canvases.length / columns);
  const gap = canvases.length > 1 ? 1 : 0;
  const sheet = make("canvas", {
    width: LARGER * (columns * (width + gap) - gap), height: LARGER * (rows * (height + gap) - gap),
  });
  const context = sheet.getContext("2d");
  context.fillStyle = "#808080";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  canvases.forEach((canvas, i) => {
    const left = LARGER * (i % columns) * (width + gap);
    const top = LARGER * Math.floor(i / columns) * (height + gap);
    context.drawImage(canvas, left, top, LARGER * width, LARGER * height);
  });
  sheet.toBlob((blob) => save(blob, `${name}.png`));
}
