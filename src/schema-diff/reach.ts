/** Which schemas of a document can ever be applied, and whether applying them comes to an end. */
import type { Subschema } from "./document.ts";
import { keywordOf } from "./document.ts";
import { assertions, holdsOf, schemasUnder } from "./keywords.ts";

/** How many schemas may apply to one value by way of each other. */
const longestChain = 200;

export interface Reach {
  /** Every schema that is reached from the root, each once. */
  readonly schemas: readonly Subschema[];
  /** No schema leads back to itself for the same value, nor through a very long chain. */
  readonly wellFounded: boolean;
}

/** The schemas that a schema applies to the very value it is applied to. */
export function appliedInPlace(schema: Subschema): readonly Subschema[] {
  const ref = keywordOf(schema, "$ref");
  const target = typeof ref === "string" ? schema.document.target(schema) : undefined;
  const parts = assertions(schema).flatMap((name) => (holdsOf(name) === "in place" ? schemasUnder(schema, name) : []));
  return target ? [target, ...parts] : parts;
}

export function reachFrom(root: Subschema): Reach {
  const chains = new Map<string, number>();
  const schemas: Subschema[] = [];
  const waiting = [root];
  let wellFounded = true;

  /** How long the longest chain below is; while that is being found out, a chain without end. */
  function chainBelow(schema: Subschema, above: number): number {
    const known = chains.get(schema.id);
    if (known !== undefined) return known;
    chains.set(schema.id, Infinity);
    schemas.push(schema);
    for (const name of assertions(schema)) if (holdsOf(name) === "deeper") waiting.push(...schemasUnder(schema, name));
    if (above > longestChain) return Infinity;
    let longest = 0;
    for (const inner of appliedInPlace(schema)) longest = Math.max(longest, 1 + chainBelow(inner, above + 1));
    chains.set(schema.id, longest);
    return longest;
  }

  for (let next = waiting.pop(); next; next = waiting.pop()) if (chainBelow(next, 0) > longestChain) wellFounded = false;
  return { schemas, wellFounded };
}
