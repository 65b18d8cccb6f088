/** What is known of the values that several schemas accept together: their types, sometimes a full list, sometimes that there are none. */
import { isGap, lowerBound, numbersUnder, upperBound } from "./bounds.ts";
import { type Subschema, keywordOf } from "./document.ts";
import { type Numeric, compareNumeric, greatest, isWhole, least } from "./exact-number.ts";
import * as types from "./instance-types.ts";
import { type JsonValue, canonical, listOf, stringsOf } from "./json.ts";
import { acceptsAll, asserts, schemasUnder } from "./keywords.ts";
import { layersOf } from "./layers.ts";
import { casesFor, objectParts } from "./object-parts.ts";
import type { Facts, Prover } from "./rule.ts";

/** How far into required properties and alternatives a contradiction is looked for. */
const deepest = 4;

const mostIntegers = 100;

export function createFacts(prover: Prover): (parts: readonly Subschema[]) => Facts {
  const known = new Map<string, Facts>();
  let depth = 0;

  function factsOf(given: readonly Subschema[]): Facts {
    const parts = given.length === 1 ? given : [...new Set(given)].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const key = parts.map(({ id }) => id).join(" ");
    const found = known.get(key);
    if (found) return found;
    prover.spend(parts.length);
    const facts = gather(key, parts);
    known.set(key, facts);
    // The proof that there are none is lazy, with the other facts known, so that recursion sees them.
    const empty = facts.empty || (depth < deepest && contradicts(facts));
    const all = { ...facts, empty };
    known.set(key, all);
    return all;
  }

  function gather(key: string, parts: readonly Subschema[]): Facts {
    const { schemas, refusal, beside, lost } = layersOf(parts);
    prover.spend(schemas.length);
    let possible = parts.reduce((all, part) => all & prover.typesOf(part), types.anything);
    possible = withoutContradictions(schemas, possible);
    const values = valuesOf(schemas, possible)?.filter((value) => parts.every((part) => prover.accepts(part, value) !== false));
    if (values) possible &= values.reduce((all: number, value) => all | types.typeOf(value), 0);
    return {
      key,
      parts,
      layers: schemas,
      beside,
      types: possible,
      values,
      empty: refusal !== undefined || possible === 0 || schemas.some(refusesAll),
      doubt: doubtOf(schemas, lost.length > 0, beside.length > 0),
    };
  }

  function contradicts(facts: Facts): boolean {
    depth += 1;
    try {
      return lacksRequired(facts) || alternativesOf(facts).some((branches) => branches.every((branch) => factsOf([...facts.parts, branch]).empty));
    } finally {
      depth -= 1;
    }
  }

  /** A property is required, and no value is valid for it. */
  function lacksRequired({ layers, types: possible }: Facts): boolean {
    if (possible !== types.objects) return false;
    const all = layers.flatMap(objectParts);
    prover.spend(all.length);
    return requiredNames(layers).some((name) => casesFor(all, { name }).every((parts) => parts.length > 0 && factsOf(parts).empty));
  }

  return factsOf;
}

function refusesAll(layer: Subschema): boolean {
  return schemasUnder(layer, "not").some(acceptsAll);
}

/** The names that one of the schemas requires. */
export function requiredNames(layers: readonly Subschema[]): readonly string[] {
  return [...new Set(layers.flatMap((layer) => stringsOf(keywordOf(layer, "required"))))];
}

/** The alternatives of `anyOf` and `oneOf` of which none is chosen yet: of each list, one branch at least must hold. */
export function alternativesOf({ layers, parts }: Facts): readonly (readonly Subschema[])[] {
  const chosen = new Set(parts);
  return layers
    .flatMap((layer) => ["anyOf", "oneOf"].filter((name) => asserts(layer, name)).map((name) => schemasUnder(layer, name)))
    .filter((branches) => branches.length > 0 && !branches.some((branch) => chosen.has(branch)));
}

/** The same values by their types, if they have several: each has one of them. */
export function typesApart({ types: possible }: Facts, { document }: Subschema): readonly Subschema[] | undefined {
  const names = types.namesOf(possible);
  return names.length > 1 ? names.map((type) => document.made({ type }, "")) : undefined;
}

function doubtOf(schemas: readonly Subschema[], lost: boolean, beside: boolean): string | undefined {
  if (lost || schemas.some((schema) => asserts(schema, "$dynamicRef") || asserts(schema, "$recursiveRef")))
    return "it depends on a reference that is not followed";
  return beside ? besideRef : undefined;
}

export const tooMuch = "there is too much to compare";
export const besideRef = "validators differ on whether keywords beside a $ref count";

/** Leaves out types of which the bounds leave nothing. */
function withoutContradictions(layers: readonly Subschema[], possible: number): number {
  let left = possible;
  const step = numbersUnder(layers, "multipleOf").some(isWhole);
  if (step) left &= ~types.fractions;
  for (const type of [types.integers, types.fractions]) {
    const [lower, upper] = [lowerBound(layers, type === types.integers), upperBound(layers, type === types.integers)];
    if (lower && upper && isGap(lower, upper)) left &= ~type;
  }
  for (const [type, fewest, most] of counted) {
    if (compareNumeric(greatest(numbersUnder(layers, fewest)), least(numbersUnder(layers, most))) > 0) left &= ~type;
  }
  return left;
}

const counted = [
  [types.strings, "minLength", "maxLength"],
  [types.arrays, "minItems", "maxItems"],
  [types.objects, "minProperties", "maxProperties"],
] as const;

/** All possible values, when they are listed or few. */
function valuesOf(layers: readonly Subschema[], possible: number): readonly JsonValue[] | undefined {
  const listed = layers.flatMap((layer): readonly (readonly JsonValue[])[] => [
    ...(asserts(layer, "const") ? [[keywordOf(layer, "const") ?? null]] : []),
    ...(asserts(layer, "enum") ? [listOf(keywordOf(layer, "enum"))] : []),
  ]);
  const shortest = listed.toSorted((a, b) => a.length - b.length)[0];
  if (shortest) return [...new Map(shortest.map((value) => [canonical(value), value])).values()];
  if ((possible & ~(types.nulls | types.booleans)) === 0) return [null, true, false];
  return possible === types.integers ? integersOf(layers) : undefined;
}

function integersOf(layers: readonly Subschema[]): readonly number[] | undefined {
  const [lower, upper] = [lowerBound(layers, true)?.value, upperBound(layers, true)?.value];
  if (!isSafe(lower) || !isSafe(upper) || upper - lower >= mostIntegers) return undefined;
  return Array.from({ length: Math.max(0, upper - lower + 1) }, (_, index) => lower + index);
}

function isSafe(value: Numeric | undefined): value is number {
  return Number.isSafeInteger(value);
}
