/** Creates and joins lists of failures. */
import { keywordAt } from "./schema-place.ts";
import { type Subschema, extended, keywordOf } from "./document.ts";
import { acceptsAll } from "./keywords.ts";
import type { Facts, Failure, Prover } from "./rule.ts";

/** The failure of a keyword of the next version (`""`: of the schema as a whole), with what the former one said by it. */
export function failureAt(facts: Facts, schema: Subschema, keyword: string, kind: Failure["kind"], because?: string): Failure {
  return {
    pointer: keyword === "" ? schema.pointer : extended(schema.pointer, keyword),
    keyword: keyword === "" ? keywordAt(schema.pointer) : keyword,
    kind,
    former: keyword === "" ? undefined : facts.layers.map((layer) => keywordOf(layer, keyword)).find((value) => value !== undefined),
    next: keyword === "" ? schema.value : keywordOf(schema, keyword),
    ...(because !== undefined && { because }),
  };
}

export function undecided(schema: Subschema, keyword: string, because: string): Failure {
  const pointer = keyword === "" ? schema.pointer : extended(schema.pointer, keyword);
  return { pointer, keyword: keyword === "" ? keywordAt(schema.pointer) : keyword, kind: "UNKNOWN", topic: "undecided", because };
}

/** The same, not decided; a reason that is given already stays. */
export function doubted(failure: Failure, because: string): Failure {
  return { because, ...failure, kind: "UNKNOWN" };
}

/** Each place once; a breaking failure takes precedence over an undecided one. */
export function merged(lists: readonly (readonly Failure[])[]): readonly Failure[] {
  const found = new Map<string, Failure>();
  for (const failure of lists.flat()) {
    const key = `${failure.pointer} ${failure.keyword}`;
    if (found.get(key)?.kind !== "BREAKING") found.set(key, failure);
  }
  return [...found.values()];
}

/** The failures of a schema for the parts of a value, as one if those could be anything before. */
export function narrowed(held: readonly Subschema[], next: Subschema, prover: Prover): readonly Failure[] {
  const found = prover.failures(held, next);
  if (found.length === 0 || !held.every(acceptsAll)) return found;
  const worst = found.find(({ kind }) => kind === "BREAKING") ?? found[0];
  const because = worst?.because;
  const restricted = {
    pointer: next.pointer,
    keyword: keywordAt(next.pointer),
    kind: worst?.kind ?? "UNKNOWN",
    topic: "restricted",
    next: next.value,
  } as const;
  return [because === undefined ? restricted : { ...restricted, because }];
}
