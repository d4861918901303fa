// Who translates: a worker, the page's own thread where there is none, or the server. Each has
// `shape`, where it knows it, `translate` as `Translator.roundTrip`, a promise, and `close`.

import { fetchBytes } from "../common.js";
import { readTranslator } from "./translator.js";

const DAMAGED = "The network arrived damaged.";
const BROKE_OFF = "The worker broke off. Reload the page.";
const LOST = "The server cannot be reached: the last translation stays.";
const FIELDS = ["there", "back", "spoilt", "lost"]; // that the server sends as Base64

/** The engine of a network at an address, or of a server's answers where there is none. Rejects with
 * a sentence. */
export async function openEngine({ weights, answers }) {
  if (!weights) return new Server(answers);
  const network = await fetchBytes(weights, "network");
  if (!network) throw new Error(DAMAGED);
  return (await openWorker(network.slice(0))) ?? here(network);
}

/** Null where the browser has no worker that works. */
function openWorker(network) {
  return new Promise((resolve, reject) => {
    let worker;
    try {
      worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    } catch {
      return resolve(null);
    }
    const asked = new Map();
    let next = 0, gone = false;
    worker.onerror = () => {
      gone = true;
      worker.terminate();
      for (const { reject: fail } of asked.values()) fail(new Error(BROKE_OFF));
      resolve(null);
    };
    worker.onmessage = ({ data: { ready, id, found, error } }) => {
      if (ready) resolve(engine(ready));
      else if (id === undefined) reject(new Error(DAMAGED));
      else {
        const { resolve: give, reject: fail } = asked.get(id);
        asked.delete(id);
        if (error) fail(new Error(error));
        else give(found);
      }
    };
    const engine = (shape) => ({
      shape,
      translate: (what) => new Promise((give, fail) => {
        if (gone) return fail(new Error(BROKE_OFF));
        asked.set(next, { resolve: give, reject: fail });
        worker.postMessage({ id: next++, asked: what });
      }),
      close: () => worker.terminate(),
    });
    worker.postMessage({ network }, [network]);
  });
}

async function here(network) {
  const translator = await readTranslator(network).catch(() => {
    throw new Error(DAMAGED);
  });
  return {
    shape: translator.shape,
    translate: async (what) => {
      await new Promise((rest) => setTimeout(rest)); // the pen is drawn first
      return translator.roundTrip(what);
    },
    close() {},
  };
}

/** The server answers one picture at a time: two bytes, direction and noise, four of the seed, then
 * the picture's. */
class Server {
  constructor(answers) {
    this.answers = answers;
  }

  async translate({ pixels, direction, noise = 0, seed = 0 }) {
    const body = new Uint8Array(6 + pixels.length);
    body.set([direction, noise]);
    new DataView(body.buffer).setUint32(2, seed, true);
    body.set(pixels, 6);
    const address = new URL(this.answers, location.origin);
    const answer = await fetch(address, { method: "POST", body }).catch(() => null);
    const said = await answer?.json().catch(() => null);
    if (!answer?.ok || !said) throw new Error(said?.error ?? LOST);
    for (const name of FIELDS) {
      if (said[name]) said[name] = Uint8ClampedArray.from(atob(said[name]), (c) => c.charCodeAt(0));
    }
    return said;
  }

  close() {}
}

/** The newest wins: of what is asked of an engine one is on its way, and one, the newest, waits. */
export class Latest {
  #waiting = null;
  #running = false;

  /**
   * @param give is called with what was found, and what was asked
   * @param fail with a sentence
   */
  constructor(give, fail) {
    Object.assign(this, { give, fail });
  }

  /** Have `engine` translate this, in place of anything that waits. */
  ask(engine, asked) {
    this.#waiting = { engine, asked };
    if (!this.#running) this.#run();
  }

  /** Forget what waits, and what is on its way. */
  stop() {
    this.#waiting = null;
    this.stopped = this.current;
  }

  async #run() {
    this.#running = true;
    while (this.#waiting) {
      const { engine, asked } = (this.current = this.#waiting);
      const mine = this.current;
      this.#waiting = null;
      try {
        const found = await engine.translate(asked);
        if (this.stopped !== mine) this.give(found, asked);
      } catch ({ message }) {
        if (this.stopped !== mine) this.fail(message);
      }
    }
    this.#running = false;
  }
}
