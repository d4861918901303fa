// Pictures drawn step by step, on a worker or on the page's own thread, as pool.js asks.

import { readDenoiser } from "./denoiser.js";
import { first as begin, firstNoise, scales, step, times } from "./sampling.js";

export const BROKEN = "The network gave something that is no number: this picture stops here.";

/**
 * Times that a step is made where something is known (RePaint, Lugmayr et al. 2022): with one, what
 * is drawn does not go on from it.
 */
const ROUNDS = 6;

/** Draws what it is told to. Its answers: `{ready}`, `{error}`, and of a job's number `{id, …}`. */
export class Drawing {
  #jobs = [];
  #working = false;
  #answer;

  /** @param answer is called with a message, and what of it may be moved */
  constructor(answer) {
    this.#answer = answer;
  }

  async handle({ network, draw, group, stop, id }) {
    if (network) return this.#load(network);
    if (stop) return this.#end(id);
    this.#jobs.push({ id, group, made: 0, path: path(this.denoiser, draw) });
    if (!this.#working) return this.#work();
  }

  async #work() {
    this.#working = true;
    await breath(); // what was asked for at the same time
    for (let job = this.#next(); job; job = this.#next()) {
      try {
        const { value, done } = job.path.next();
        if (done) this.#end(job.id);
        else {
          const { x, image } = value;
          job.made = value.step;
          this.#answer({ id: job.id, step: job.made, x, image }, [x.buffer, image.buffer]);
        }
      } catch ({ message }) {
        this.#end(job.id, message);
      }
      await breath();
    }
    this.#working = false;
  }

  /** Of the group that was asked for last, the picture with the fewest steps. */
  #next() {
    const group = Math.max(...this.#jobs.map((job) => job.group));
    const latest = this.#jobs.filter((job) => job.group === group);
    return latest.sort((one, other) => one.made - other.made)[0];
  }

  #end(id, error) {
    const there = this.#jobs.some((job) => job.id === id);
    this.#jobs = this.#jobs.filter((job) => job.id !== id);
    if (there) this.#answer(error === undefined ? { id, done: true } : { id, error });
  }

  async #load(buffer) {
    try {
      this.denoiser = await readDenoiser(buffer);
      const { shape, classes, blind, process } = this.denoiser;
      this.#answer({ ready: { shape, classes, blind, process } });
    } catch {
      this.#answer({ error: "The network arrived damaged." });
    }
  }
}

/**
 * The steps of a picture, as pool.draw is asked for it: their number, the picture after each, and
 * the guess that was made on the way.
 */
export function* path(denoiser, asked) {
  const { seed, index, label, steps, order, eta, guidance, start, from, known, first } = asked;
  const { process, shape } = denoiser, when = times(steps, from);
  let parts = 1; // 0 is the first noise
  const noise = () => firstNoise(shape, seed, index, parts++);
  const { alpha, sigma } = scales(process, from);
  const drawn = first ?? firstNoise(shape, seed, index);
  let x = start ? drawn.map((n, i) => alpha * start[i] + sigma * n) : begin(process, drawn);
  for (let at = 0; at < steps; at++) {
    const now = when[at], then = when[at + 1];
    let guess = null;
    for (let round = 1, rounds = known && then ? ROUNDS : 1; round <= rounds; round++) {
      const fresh = eta ? noise() : null;
      ({ x, guess } = step(denoiser, x, now, then, { label, guidance, order, eta, fresh }));
      if (known) putBack(x, known, scales(process, then), then ? noise() : null);
      if (round < rounds) x = again(x, scales(process, now), scales(process, then), noise());
    }
    if (!x.every(Number.isFinite) || !guess.image.every(Number.isFinite)) throw new Error(BROKEN);
    yield { step: at + 1, x: x.slice(), image: guess.image };
  }
}

/** What is known of the picture, with the noise of that time. */
function putBack(x, { image, mask }, { alpha, sigma }, noise) {
  const each = x.length / mask.length;
  for (let i = 0; i < x.length; i++) {
    if (mask[Math.floor(i / each)]) x[i] = alpha * image[i] + (noise ? sigma * noise[i] : 0);
  }
}

/** Back from a time to the one before, by fresh noise. */
function again(x, here, there, noise) {
  const share = here.alpha / there.alpha;
  const level = Math.sqrt(Math.max(here.sigma ** 2 - (share * there.sigma) ** 2, 0));
  return x.map((v, i) => share * v + level * noise[i]);
}

/** Lets messages in. A timer would wait for four milliseconds. */
function breath() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
