// Why order matters: two sentences that differ in one word, or in the order of their words, and how
// far what the network holds at each word lies apart.

import { make } from "../common.js";
import { distance } from "./corpus.js";

export const PAIRS = [
  ["arrive Beijing on November 2nd", "leave Beijing on November 2nd"],
  ["arrive Beijing and leave Shanghai", "leave Beijing and arrive Shanghai"],
];

/**
 * Two sentences of as many words, word by word.
 *
 * @returns {{words: string[], input: number, left: number, right: number}[]} how far what goes in
 *   lies apart, and the states from the left and from the right: 0 where they are the same.
 */
export function apart(tagger, first, second) {
  const [a, b] = [first, second].map((text) => text.split(" "));
  const [one, other] = [a, b].map((words) => tagger.read(words));
  return a.map((word, t) => ({
    words: [word, b[t]],
    input: distance(one[t].input, other[t].input),
    left: distance(one[t].states[0], other[t].states[0]),
    right: distance(one[t].states[1], other[t].states[1]),
  }));
}

export function compareOrders(root, tagger) {
  root.querySelector(".order .told").textContent =
    "The text’s example: Beijing is where one goes, or where one comes from. How far apart is what the " +
    "network has at each word of both sentences (0: the same)? What goes in at Beijing is the same " +
    "twice, so a network that reads word by word cannot tell them apart there; the state from the " +
    "left can, for it has read the verb. A bag of words tells the first pair apart by its verb, but " +
    "not the second: both have the same words. This tagger was taught parts of speech, not journeys: " +
    "only that the states differ is shown.";
  const tables = PAIRS.map(([first, second]) => {
    const head = ["Word", "What goes in", "State from the left", "State from the right"];
    const rows = apart(tagger, first, second).map(({ words: [a, b], input, left, right }) =>
      make("tr", {}, ...[a === b ? a : `${a} / ${b}`, ...[input, left, right].map((v) => v.toFixed(2))]
        .map((text) => make("td", { textContent: text }))));
    return make("table", {}, make("caption", { textContent: `“${first}” and “${second}”` }),
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { textContent: text })))),
      make("tbody", {}, ...rows));
  });
  root.querySelector(".pairs").replaceChildren(...tables);
}
