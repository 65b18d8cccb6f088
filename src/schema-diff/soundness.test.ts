import { expect, test } from "vitest";
import { inDraft04 } from "../../test/schema-diff/in-draft04.ts";
import { checkScales } from "../../test/schema-diff/scales.ts";
import { checkSoundness } from "../../test/schema-diff/soundness.ts";

const pairs = 500;
const seed = 20_261_122;

test(`${pairs} random pairs from seed ${seed}: nothing is called compatible that Ajv shows to break`, () => {
  const { verdicts, shownToBreak, unusable } = checkSoundness(pairs, seed, false);
  // Without these the property would hold of a comparison that never decides.
  expect(verdicts.NONE).toBeGreaterThan(pairs * 0.15);
  expect(verdicts.COMPATIBLE).toBeGreaterThan(pairs * 0.12);
  expect(verdicts.UNKNOWN).toBeLessThan(pairs * 0.25);
  // Most of what is said to break does, by a value found at random.
  expect(shownToBreak).toBeGreaterThan(verdicts.BREAKING * 0.6);
  expect(unusable).toBeLessThan(pairs * 0.15);
});

test(`${pairs} random pairs of numbers from seed ${seed}: nor of numbers that are equal as doubles`, () => {
  expect(checkScales(pairs, seed)).toBeGreaterThan(pairs * 0.3);
});

test(`${pairs} random pairs in draft-04 from seed ${seed}: nor there`, () => {
  const { verdicts, unusable } = checkSoundness(pairs, seed, false, inDraft04);
  expect(verdicts.NONE).toBeGreaterThan(pairs * 0.15);
  expect(verdicts.COMPATIBLE).toBeGreaterThan(pairs * 0.1);
  expect(unusable).toBeLessThan(pairs * 0.15);
});
