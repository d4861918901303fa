// Taggers say what PyTorch says; letters are rubbed out, stretches found; the cases come from
// test_modules.py.

import { test } from "node:test";
import assert from "node:assert/strict";
import { Corpus } from "../../../pages/components/tags/corpus.js";
import { worst } from "../../../pages/components/tags/confusions.js";
import { apart, PAIRS } from "../../../pages/components/tags/order.js";
import { readRubbed, rubbedText, toggled, without } from "../../../pages/components/tags/rubbed.js";
import { Tagger } from "../../../pages/components/tags/tagger.js";
import { wordsOf } from "../../../pages/components/tags/tokens.js";
import { fetchWeights } from "../../../pages/components/safetensors.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("taggers");
const taggers = new Map();
for (const { network, weights, vocabulary, heldOut } of cases.taggers) {
  taggers.set(network.kind, new Tagger(network, await fetchWeights(weights), vocabulary, heldOut));
}
const tagOf = (tagger, word) => tagger.tags[word.probabilities.indexOf(Math.max(...word.probabilities))];

for (const { name, network, texts } of cases.taggers) {
  test(`${name} cuts words and tags them as Python does`, () => {
    for (const { text, words, seen, probabilities } of texts) {
      assert.deepEqual(wordsOf(text), words);
      if (!words.length) continue;
      taggers.get(network.kind).read(words).forEach((word, i) => {
        assert.equal(word.seen, seen[i], words[i]);
        word.probabilities.forEach((share, tag) => {
          const off = Math.abs(share - probabilities[i][tag]);
          assert.ok(off <= 1e-4, `${words[i]}: off by ${off}`);
        });
      });
    }
  });
}

test("weights of another network, or another vocabulary, are told in a sentence", async () => {
  const { network, weights, vocabulary } = cases.taggers[0], tensors = await fetchWeights(weights);
  assert.throws(() => new Tagger({ ...network, tags: ["A"] }, tensors, vocabulary, ""), /not of each other/);
  assert.throws(() => new Tagger(network, tensors, "the", ""), /not of each other/);
  assert.throws(() => new Tagger(network, {}, vocabulary, ""), /not of each other/);
});

test("letters are rubbed out, written again, and stand in the address", () => {
  const words = ["slowly", "a"];
  let rubbed = toggled(toggled(toggled(new Map(), 0, 5), 0, 4), 1, 0);
  assert.deepEqual(without(words, rubbed), ["slow", "-"]);
  assert.equal(rubbedText(rubbed), "0.4-5_1.0");
  assert.deepEqual(readRubbed("0.4-5_1.0", words), rubbed);
  rubbed = toggled(rubbed, 1, 0);
  assert.deepEqual(without(words, rubbed), ["slow", "a"]);
  for (const damaged of ["9.1", "0.77", "x", "", null, "0.", "constructor.1"]) {
    assert.equal(readRubbed(damaged, words).size, 0, damaged);
  }
});

test("the ending of a word never seen tells its tag", () => {
  const tagger = taggers.get("words");
  const read = (text) => tagger.read(text.split(" ")).map((word) => tagOf(tagger, word));
  assert.deepEqual(read("They gorped blentily ."), ["PRON", "VERB", "ADV", "."]);
  const letters = tagger.read(["the", "slowly"], { lettersOnly: true });
  assert.notDeepEqual(letters[1].input, tagger.read(["the", "slowly"])[1].input);
});

test("the held-out sentences are read in parts, and a stretch of one is found in it", () => {
  for (const tagger of taggers.values()) {
    const corpus = new Corpus(tagger);
    corpus.sentences = corpus.sentences.slice(0, 12);
    let time = 0;
    while (!corpus.complete) corpus.advance(3, () => time++);
    const { words, tags, given, states } = corpus.sentences[0];
    assert.equal(given.length, words.length);
    const right = corpus.errors(tags[1], given[1]).some(({ at, sentence }) => at === 1 && sentence.words === words);
    assert.ok(right);
    const { found, usual } = corpus.nearest(states.slice(1, 3));
    assert.ok(found[0].sentence.words === words && found[0].from === 1 && found[0].cosine > 0.9999);
    assert.ok(usual <= found[0].cosine);
    assert.ok(!corpus.nearest(states.slice(1, 3), words).found.some((one) => one.sentence.words === words));
    assert.deepEqual(corpus.nearest(Array(200).fill(states[0])).found, []);
  }
});

test("what a state has read makes it differ, and only that", () => {
  const tagger = taggers.get("words");
  const [verb, beijing] = apart(tagger, ...PAIRS[0]);
  assert.ok(verb.input > 0 && beijing.input === 0 && beijing.left > 0 && beijing.right === 0);
});

test("the most frequent error is chosen at first", () => {
  assert.deepEqual(worst([[9, 1], [3, 5]], ["A", "B"]), ["B", "A"]);
  assert.deepEqual(worst([[9, 0], [0, 5]], ["A", "B"]), ["A", "A"]);
});
