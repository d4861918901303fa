// How pictures come out of noise: core/models/sampling.py, `denoise`. Pictures are HWC.

import { normal, stream } from "../trajectory/random.js";

const LEAST_SIGMA = 0.02, MOST_SIGMA = 10; // where the path of a blind network ends and begins

/** By the thousandth: how much of the image is kept of 1 (Ho et al. 2020). */
const KEPT = [1];
for (let i = 0; i < 1000; i++) KEPT.push(KEPT[i] * (1 - (1e-4 + ((0.02 - 1e-4) * i) / 999)));

/** The nearest whole number; of two as near the even one, as PyTorch rounds. */
function rounded(v) {
  const low = Math.floor(v), over = v - low;
  return over === 0.5 ? low + (low % 2) : Math.round(v);
}

const PROCESSES = {
  noise: {
    scales(t) {
      const kept = KEPT[rounded(Math.fround(Math.fround(t) * 1000))];
      return { alpha: Math.sqrt(kept), sigma: Math.sqrt(1 - kept) };
    },
    guess(x, said, { alpha, sigma }) {
      // What the image is cut by is noise: an error is divided by almost nothing at the beginning.
      const image = Math.min(Math.max((x - sigma * said) / alpha, -1), 1);
      return [image, (x - alpha * image) / sigma];
    },
  },
  velocity: {
    scales: (t) => ({ alpha: 1 - t, sigma: t }),
    guess: (x, said, { alpha, sigma }) => [x - sigma * said, x + alpha * said],
  },
  residual: {
    begin: -1, // black
    scales: (t) => ({ alpha: 1, sigma: t > 0 ? LEAST_SIGMA * (MOST_SIGMA / LEAST_SIGMA) ** t : 0 }),
    guess: (x, said, { sigma }) => [x - said, said / Math.max(sigma, 1e-6)],
  },
};

/** How much of the image is left at a time in [0, 1], and how much noise there is. */
export function scales(process, t) {
  if (!(process in PROCESSES)) throw new Error(`unknown process ${process}`);
  return PROCESSES[process].scales(t);
}

/** What normal noise is at the beginning, where nothing of a picture is known. */
export function first(process, noise) {
  const { alpha, sigma } = scales(process, 1), begin = alpha * (PROCESSES[process].begin ?? 0);
  return noise.map((n) => begin + sigma * n);
}

/** What a network takes a noisy picture for, by what it says. NaN stays. */
export function guessOf(process, x, said, levels) {
  const image = new Float32Array(x.length), noise = new Float32Array(x.length);
  const { guess } = PROCESSES[process];
  for (let i = 0; i < x.length; i++) [image[i], noise[i]] = guess(x[i], said[i], levels);
  return { image, noise };
}

/** The times of so many steps, from 1 (or where it begins) to 0: one more than the steps. */
export function times(steps, from = 1) {
  return Array.from({ length: steps + 1 }, (_, i) => (from * (steps - i)) / steps);
}

/**
 * One step of a noisy picture from the time `now` to `then`.
 * @param order looks: 1 (Euler, which is DDIM), or 2 (Heun), which takes one in the last step
 * @param eta share of the noise that is drawn anew, which comes as `fresh` (Song et al. 2021)
 * @returns {{x: Float32Array, guess: {image: Float32Array, noise: Float32Array}}} the picture then,
 * and what it was taken for
 */
export function step(denoiser, x, now, then,
  { label = -1, guidance = 0, order = 1, eta = 0, fresh = null } = {}) {
  const here = scales(denoiser.process, now), there = scales(denoiser.process, then);
  const guess = denoiser.look(x, now, label, guidance);
  const level = newNoise(here, there, eta);
  const kept = Math.sqrt(Math.max(there.sigma ** 2 - level ** 2, 0));
  const ahead = x.map((_, i) => there.alpha * guess.image[i] + kept * guess.noise[i]);
  if (order === 2 && then > 0) {
    // dx = x₀ dα + ε dσ, by the trapezoid rule: the mean of what is seen here and there
    const other = denoiser.look(ahead, then, label, guidance);
    const image = (there.alpha - here.alpha) / 2, noise = (there.sigma - here.sigma) / 2;
    for (let i = 0; i < x.length; i++) {
      ahead[i] = x[i] + image * (guess.image[i] + other.image[i])
        + noise * (guess.noise[i] + other.noise[i]);
    }
  }
  if (level) for (let i = 0; i < x.length; i++) ahead[i] += level * fresh[i];
  return { x: ahead, guess };
}

/** The level of the noise that a step draws anew: η σ' √(1 - (α σ' / α' σ)²). */
function newNoise(here, there, eta) {
  const ratio = (here.alpha * there.sigma) / (there.alpha * here.sigma);
  return eta * there.sigma * Math.sqrt(Math.max(1 - ratio ** 2, 0));
}

/**
 * Normal noise (H, W, C) of a picture's number under a seed: the same on any machine. Its first
 * noise is the part 0; further parts are for what is drawn on the way.
 */
export function firstNoise([C, H, W], seed, index, part = 0) {
  const count = C * H * W, of = stream("noise", index);
  return Float32Array.from({ length: count }, (_, i) => normal(seed, of, part * count + i));
}
