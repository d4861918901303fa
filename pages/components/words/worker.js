// Learns a text off the page's thread: `{do: "learn", stream, size, seed, epochs}` begins, `stop`
// ends, `go` goes on. After each epoch, or a while, it tells the loss and where the words lie.

import { Learner } from "./learner.js";
import { principal } from "./predictor.js";

const SLICE = 40; // milliseconds between looks at what has come
const SHOWN = 300; // words on the map
const PACE = 60; // milliseconds between two places of the words, at least

let learner = null, epochs = 0, running = false, axes = [], told = 0;

function work() {
  if (!running) return;
  const began = performance.now();
  const losses = [];
  while (performance.now() - began < SLICE && running) {
    const loss = learner.step();
    if (loss === null) continue;
    losses.push([learner.epoch, loss]);
    if (!Number.isFinite(loss) || learner.epoch >= epochs) running = false;
    if (learner.epoch <= 3 || !running || performance.now() - told > PACE) break;
  }
  if (losses.length || performance.now() - told > 500) tell(losses);
  if (running) setTimeout(work);
}

function tell(losses) {
  told = performance.now();
  const { E, size } = learner, width = E.length / size;
  const rows = Array.from({ length: Math.min(size, SHOWN) }, (_, n) =>
    E.subarray(n * width, (n + 1) * width));
  const found = principal(rows, axes);
  axes = found.axes;
  const done = learner.epoch + (learner.at - 2) / Math.max(1, learner.stream.length - 2);
  postMessage({
    losses, running, done, steps: learner.steps, places: Float32Array.from(found.places.flat()),
    share: found.share, weights: learner.weights(),
  });
}

globalThis.onmessage = ({ data }) => {
  if (data.do === "stop") {
    running = false;
    if (learner) tell([]);
    return;
  }
  const idle = !running;
  if (data.do === "learn") {
    learner = new Learner(data.stream, data.size, data.seed);
    axes = [];
    tell([]);
  }
  epochs = data.epochs;
  running = learner !== null && learner.epoch < epochs;
  if (idle && running) work();
};
