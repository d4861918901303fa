// The decoder draws what PyTorch draws; the cases come from test_modules.py.

import { test } from "node:test";
import assert from "node:assert/strict";
import { along, fetchDecoder } from "../../../pages/components/live/decoder.js";
import { casesOf } from "./cases.js";

const cases = await casesOf("decoders");

function draws(decoder, { code, label, pixels }) {
  const drawn = decoder.decode(code, label ?? 0);
  assert.equal(drawn.length, pixels.length);
  const off = drawn.reduce((most, v, i) => Math.max(most, Math.abs(v - pixels[i])), 0);
  assert.ok(off <= 2, `a pixel is off by ${off}`);
}

for (const { name, url, pictures, directions } of cases.decoders) {
  test(`${name} draws what PyTorch draws`, async () => {
    const decoder = await fetchDecoder(url);
    assert.ok(pictures.length > 0);
    for (const picture of pictures) draws(decoder, picture);
  });
  if (!directions) continue;
  test(`${name} draws along directions what PyTorch draws`, async () => {
    const { base, basis, pictures: there } = directions;
    const decoder = along(await fetchDecoder(url), base, basis);
    assert.equal(decoder.latent, basis.length);
    for (const picture of there) draws(decoder, picture);
  });
}

test("a decoder is fetched once", async () => {
  const { url } = cases.decoders.at(-1);
  assert.equal(await fetchDecoder(url), await fetchDecoder(url));
});

test("directions of another model are refused", async () => {
  const decoder = await fetchDecoder(cases.decoders[0].url);
  assert.throws(() => along(decoder, [0], [[1]]), /another model/);
});

test("what does not arrive whole is said", async () => {
  const damaged = "data:application/octet-stream;base64,BAAAAHt9";
  await assert.rejects(fetchDecoder(damaged), /damaged/);
  await assert.rejects(fetchDecoder("http://localhost:9/decoder"), /cannot be reached/);
});
