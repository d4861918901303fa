// How the page speaks with trajectories: a promise of the state after each message. They run in a
// Worker, or on the page's own thread where there is none.

import { Session } from "./session.js";

export class Engine {
  #waiting = [];

  constructor() {
    try {
      this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => this.#waiting.shift()?.resolve(data);
      this.worker.onerror = () => this.#fall();
    } catch {
      this.#fall();
    }
  }

  /** On this thread from now on; what waits for an answer is asked again, from the first message. */
  #fall() {
    this.worker?.terminate();
    this.worker = null;
    this.session = new Session();
    for (const { message, resolve } of this.#waiting.splice(0)) resolve(this.session.handle(message));
  }

  /** @returns the state, as Session gives it */
  ask(message) {
    if (!this.worker) return Promise.resolve(this.session.handle(message));
    return new Promise((resolve) => {
      this.#waiting.push({ message, resolve });
      this.worker.postMessage(message);
    });
  }

  close() {
    this.worker?.terminate();
  }
}
