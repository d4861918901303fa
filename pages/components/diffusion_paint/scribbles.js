// Rough drawings to begin with, by data set, so that there is something to see.

const stroke = (...places) => ({ erases: false, colour: "#ffffff", places });

/** Lines close together, as one fills a surface with a pen. */
function filled(left, top, right, bottom, pace = 0.045) {
  const places = [];
  for (let y = top, forth = true; y <= bottom; y += pace, forth = !forth) {
    places.push([forth ? left : right, y], [forth ? right : left, y]);
  }
  return stroke(...places);
}

const DIGIT = [stroke([0.3, 0.34], [0.42, 0.2], [0.62, 0.24], [0.64, 0.42], [0.34, 0.78], [0.72, 0.76])];
const SHIRT = [filled(0.1, 0.2, 0.9, 0.38), filled(0.32, 0.38, 0.68, 0.85)];

/** Strokes for a data set; none for one that is not known. */
export const roughly = (set) => ({ MNIST: DIGIT, "Fashion-MNIST": SHIRT })[set] ?? [];
