// A few workers that draw pictures with one network: what was asked for last is drawn first, and
// what was asked for together comes out of the noise together, step by step.

import { fetchBytes } from "../common.js";
import { Drawing } from "./drawing.js";

const MOST = 4;
const USUAL = {
  seed: 0, index: 0, label: -1, steps: 20, order: 1, eta: 0, guidance: 0, start: null, from: 1,
  first: null, known: null,
};
const LIMITS = { steps: [1, 1000], eta: [0, 1], order: [1, 2], from: [0, 1] };

/**
 * `ready` is a promise of what the network is: `{shape, classes, blind, process}`. It, and the
 * `done` of each job, reject with a sentence.
 */
export class Pool {
  #waiting = []; // for the workers to be there
  #running = new Map(); // jobs by number
  #workers = [];
  #next = 0;

  /**
   * @param url of the network, as `denoiser_url` gives it
   * @param size workers; by default one core is left to the page
   */
  constructor(url, size = Math.min(Math.max((navigator.hardwareConcurrency ?? 2) - 1, 1), MOST)) {
    this.ready = this.#open(url, size);
    this.ready.catch((error) => {
      for (const job of this.#waiting.splice(0)) job.fail(error);
    });
  }

  async #open(url, size) {
    const network = await fetchBytes(url, "network");
    if (!network) throw new Error("The network did not arrive whole.");
    const opened = await Promise.all(Array.from({ length: size }, () => this.#begin(network)));
    return opened[0];
  }

  /** A worker, or this thread where there is none. */
  #begin(network) {
    return new Promise((resolve, reject) => {
      let worker;
      const told = (message) => {
        if (message.ready) {
          resolve(message.ready);
          if (!this.#workers.includes(worker)) this.#workers.push(worker);
          this.#serve();
        } else if (message.id === undefined) reject(new Error(message.error));
        else this.#told(message);
      };
      const here = () => {
        if (this.closed) return;
        this.#workers = this.#workers.filter((one) => one !== worker);
        const lost = [...this.#running.values()].filter((job) => job.worker === worker);
        const drawing = new Drawing((message) => queueMicrotask(() => told(message)));
        worker = { postMessage: (message) => drawing.handle(message), terminate() {} };
        worker.postMessage({ network: network.slice(0) });
        for (const job of lost) this.#end(job, new Error("The worker broke off: this picture stops here."));
      };
      try {
        worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
        worker.onmessage = ({ data }) => told(data);
        worker.onerror = here;
        worker.postMessage({ network });
        this.#workers.push(worker);
      } catch {
        here();
      }
    });
  }

  /**
   * Have a picture drawn.
   * @param {object} how
   * - `seed`, `index`: of its noise; `label`: its class, -1 for any; `guidance`: see `look`;
   * - `steps`, `order`, `eta`: see `step`;
   * - `start`, `from`: a picture (HWC) to begin with at a time, in place of nothing at 1: it is
   *   given the noise of that time, and all steps are made from there;
   * - `first`: normal noise (HWC) in place of that of `seed` and `index`;
   * - `known`: `{image, mask}`: what of a picture (HWC) is known, 1 there and 0 elsewhere, a number
   *   a pixel or one for each of its numbers.
   * @param onStep is called after each step with how many have been made, the picture, and the
   * guess at it that the step was made by
   * @returns {{cancel: function(): void, done: Promise<boolean>}} `done`: true, or false where it
   * was cancelled
   */
  draw(how, onStep = () => {}) {
    return this.drawAll([[how, onStep]])[0];
  }

  /**
   * Have some drawn together.
   * @param pictures `[how, onStep]` of each, as `draw` takes them
   * @returns the jobs, as `draw` gives one
   */
  drawAll(pictures) {
    const group = this.#next;
    return pictures.map(([how, onStep]) => this.#ask({ ...USUAL, ...how }, onStep, group));
  }

  #ask(asked, onStep, group) {
    const job = { id: this.#next++, group, asked, onStep, cancelled: false };
    job.done = new Promise((resolve, reject) => Object.assign(job, { resolve, fail: reject }));
    job.done.catch(() => {}); // nobody need listen
    job.cancel = () => this.#cancel(job);
    const wrong = mistake(asked);
    if (wrong) job.fail(new Error(wrong));
    else {
      this.#waiting.push(job);
      this.ready.then(() => this.#serve(), job.fail);
    }
    return job;
  }

  /** Hands out what waits, each to the worker that has least to do. */
  #serve() {
    if (!this.#workers.length) return;
    for (const job of this.#waiting.splice(0)) {
      const load = new Map(this.#workers.map((worker) => [worker, 0]));
      for (const { worker } of this.#running.values()) load.set(worker, load.get(worker) + 1);
      [job.worker] = [...load].reduce((least, one) => (one[1] < least[1] ? one : least));
      this.#running.set(job.id, job);
      job.worker.postMessage({ id: job.id, group: job.group, draw: job.asked });
    }
  }

  #told({ id, step, x, image, error }) {
    const job = this.#running.get(id);
    if (!job) return;
    if (!step) this.#end(job, error && new Error(error));
    else if (!job.cancelled) job.onStep(step, x, image);
  }

  #end(job, error) {
    this.#running.delete(job.id);
    if (error) job.fail(error);
    else job.resolve(!job.cancelled);
  }

  #cancel(job) {
    if (job.cancelled) return;
    job.cancelled = true;
    this.#waiting = this.#waiting.filter((one) => one !== job);
    if (this.#running.has(job.id)) job.worker.postMessage({ id: job.id, stop: true });
    else job.resolve(false);
  }

  /** End all work; for when the page goes. */
  close() {
    this.closed = true;
    for (const job of [...this.#waiting, ...this.#running.values()]) this.#cancel(job);
    for (const worker of this.#workers) worker.terminate();
  }
}

/** A sentence on what cannot be drawn; nothing where it can. */
function mistake(asked) {
  for (const [name, [low, high]] of Object.entries(LIMITS)) {
    if (!(asked[name] >= low && asked[name] <= high)) return `“${name}” is from ${low} to ${high}.`;
  }
  if (!Number.isInteger(asked.steps)) return "Steps are whole ones.";
  if (asked.order === 2 && asked.eta) return "Two looks a step are taken where η is 0.";
  return null;
}
