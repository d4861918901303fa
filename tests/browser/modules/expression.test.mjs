// The browser's operations give core's values, gradients, faults and scripts.

import { test } from "node:test";
import assert from "node:assert/strict";
import {
  backward, differences, forward, leafNames, script,
} from "../../../pages/components/expression/graph.js";
import { general, tensor } from "../../../pages/components/expression/tensors.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("expressions");

function close(found, wanted, what, tolerance = 1e-9) {
  assert.deepEqual(found.shape, wanted.shape, what);
  wanted.data.forEach((v, i) => {
    const off = Math.abs(found.data[i] - v), allowed = tolerance * Math.max(1, Math.abs(v));
    assert.ok(off <= allowed, `${what}: ${found.data[i]} is not ${v}`);
  });
}

/** What a function throws. */
function thrown(body) {
  try {
    body();
  } catch (error) {
    return { sentence: error.message, start: error.start, end: error.end };
  }
  return null;
}

function compare(one) {
  const { graph, values, gradients, edges, slopes, fault } = one;
  const leaves = Object.fromEntries(
    Object.entries(one.leaves).map(([name, { shape, data }]) => [name, tensor(shape, data)]),
  );
  if (!values) return assert.deepEqual(thrown(() => forward(graph, leaves)), fault);
  const found = forward(graph, leaves);
  values.forEach((wanted, i) => close(found[i], wanted, `value ${i}`));
  assert.equal(script(one.code, leaves), one.script);
  if (!gradients) return assert.deepEqual(thrown(() => backward(graph, found)), fault);
  const back = backward(graph, found);
  gradients.forEach((wanted, i) => close(back.gradients[i], wanted, `gradient ${i}`));
  assert.equal(back.edges.length, edges.length);
  edges.forEach((edge, i) => {
    assert.deepEqual([back.edges[i].node, back.edges[i].source], [edge.node, edge.source]);
    close(back.edges[i].gradient, edge.gradient, `edge ${i}`);
  });
  const largest = Math.max(1, ...found.at(-1).data.map(Math.abs)); // its last digits are lost
  for (const name of slopes ? leafNames(graph) : []) {
    close(differences(graph, leaves, name), slopes[name], name, 1e-7 * largest);
  }
}

test("values, gradients, faults and scripts of any expression are core's", () => {
  for (const one of cases.expressions) {
    try {
      compare(one);
    } catch (error) {
      error.message = `${one.graph.text}: ${error.message}`;
      throw error;
    }
  }
});

test("numbers are written as Python writes them", () => {
  const texts = [0, -2.5, 1234567, 0.00012345, 99999.5, 1e-12, 0.1 + 0.2, 1e100]
    .map((v) => general(v));
  assert.deepEqual(texts, [
    "0", "-2.5", "1.235e+06", "0.0001234", "1e+05", "1e-12", "0.3", "1e+100",
  ]);
});
