/**
 * Holds verdicts against Ajv on random schemas: NONE and COMPATIBLE must never be said of a pair of which some value is
 * valid before and invalid after, nor NONE where one is invalid before and valid after. To try more than the test does:
 * `node test/schema-diff/soundness.ts <pairs> [seed] [shrink]`.
 */
import { assert, gen, property } from "fast-check";
import type { Verdict } from "../../src/schema-diff/comparison.ts";
import { compareSchemas } from "../../src/schema-diff/compare-schemas.ts";
import type { JsonObject, JsonValue } from "../../src/schema-diff/json.ts";
import { quickValidatorOf } from "./ajv.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { mutated, redecorated } from "./mutations.ts";
import { randomInstance } from "./random-instances.ts";
import { randomDocument } from "./random-schemas.ts";

const instancesAPair = 40;

export interface Tally {
  readonly verdicts: Record<Verdict, number>;
  /** Pairs said to break for which a value was found that shows it. */
  shownToBreak: number;
  /** The same of undecided pairs. */
  unknownThatBreak: number;
  /** Pairs that Ajv could not validate by: a schema applies itself without an end, is none in its new dialect, or Ajv stumbles. */
  unusable: number;
}

/** Throws with seed, path and the pair when a verdict is wrong; with `shrinks`, which takes a minute, a small pair. */
export function checkSoundness(pairs: number, seed: number, shrinks: boolean, inDialect: (schema: JsonObject) => JsonObject = (schema) => schema): Tally {
  const tally: Tally = { verdicts: { NONE: 0, COMPATIBLE: 0, BREAKING: 0, UNKNOWN: 0 }, shownToBreak: 0, unknownThatBreak: 0, unusable: 0 };
  assert(
    property(gen(), (generate) => onePair(chanceOf(generate), tally, inDialect)),
    { seed, numRuns: pairs, endOnFailure: !shrinks },
  );
  return tally;
}

function onePair(chance: Chance, tally: Tally, inDialect: (schema: JsonObject) => JsonObject): void {
  const given = randomDocument(chance);
  let changed = given;
  for (const _ of chance.some(1, 3, () => 0)) changed = mutated(chance, changed);
  const [former, next] = [inDialect(given), inDialect(changed)];
  const { verdict } = compareSchemas(former, next);
  tally.verdicts[verdict] += 1;
  const surely = compareSchemas(former, redecorated(chance, former));
  if (surely.verdict !== "NONE") throw new Error(`only redecorated: ${textOf(former, surely.changes)}`);
  const values = Array.from({ length: instancesAPair }, (_, index) => randomInstance(chance, index % 3 === 0 ? next : former));
  const found = differenceAmong(values, former, next);
  if (found === "unusable") tally.unusable += 1;
  if (found === "unusable" || found === undefined) return;
  if (verdict === "BREAKING" && found.isBreak) tally.shownToBreak += 1;
  if (verdict === "UNKNOWN" && found.isBreak) tally.unknownThatBreak += 1;
  const isWrong = verdict === "NONE" || (verdict === "COMPATIBLE" && found.isBreak);
  if (isWrong) throw new Error(`${verdict}, but ${textOf(found.value)} is ${found.isBreak ? "" : "in"}valid before only: ${textOf(former, next)}`);
}

/** A value that only one of the versions accepts; one that the former accepts, if there is one. */
function differenceAmong(values: readonly JsonValue[], former: JsonObject, next: JsonObject): { value: JsonValue; isBreak: boolean } | "unusable" | undefined {
  try {
    const [before, after] = [quickValidatorOf(former), quickValidatorOf(next)];
    const judged = values.map((value) => ({ value, isBreak: before(value), differs: before(value) !== after(value) }));
    const differing = judged.filter(({ differs }) => differs);
    return differing.find(({ isBreak }) => isBreak) ?? differing[0];
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError || (error instanceof Error && error.message.startsWith("items value must be")))
      return "unusable";
    throw error;
  }
}

function textOf(...values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join("\n → ");
}

if (import.meta.main) {
  const [pairs = "10000", seed = "1", shrink] = process.argv.slice(2);
  const tally = checkSoundness(Number(pairs), Number(seed), shrink === "shrink");
  process.stdout.write(`${JSON.stringify(tally)}\n`);
}
