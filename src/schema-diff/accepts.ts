/** Whether a schema accepts a value: yes, no, or not decided. Runs no regular expression and checks no format. */
import { type Subschema, once } from "./document.ts";
import { typeOf } from "./instance-types.ts";
import type { JsonValue } from "./json.ts";
import { asserts } from "./keywords.ts";
import { layersOf } from "./layers.ts";
import type { Prover, Rule } from "./rule.ts";

const deepest = 200;

export function createAccepts(rules: readonly Rule[], prover: Prover): Prover["accepts"] {
  let depth = 0;

  function accepts(schema: Subschema, value: JsonValue): boolean | undefined {
    if (typeof schema.value === "boolean") return schema.value;
    if (depth >= deepest) return undefined;
    depth += 1;
    try {
      return verdict(schema, value);
    } finally {
      depth -= 1;
    }
  }

  function verdict(schema: Subschema, value: JsonValue): boolean | undefined {
    const { schemas, refusal, lost, beside } = once(schema, "layers", () => layersOf([schema]));
    prover.spend(1 + schemas.length);
    if (refusal) return false;
    const type = typeOf(value);
    const verdicts = schemas.flatMap((layer) =>
      rules.filter((rule) => (rule.types & type) !== 0 && rule.keywords.some((name) => asserts(layer, name))).map((rule) => rule.accepts(layer, value, prover)),
    );
    if (lost.length > 0) verdicts.push(undefined);
    // Keywords beside a reference apply in some validators only: a value that they refuse is undecided.
    if (beside.some((layer) => accepts(layer, value) !== true)) verdicts.push(undefined);
    return allOf(verdicts);
  }

  return accepts;
}

/** Three-valued "and". */
export function allOf(verdicts: readonly (boolean | undefined)[]): boolean | undefined {
  if (verdicts.includes(false)) return false;
  return verdicts.includes(undefined) ? undefined : true;
}

/** Three-valued "or". */
export function anyOf(verdicts: readonly (boolean | undefined)[]): boolean | undefined {
  if (verdicts.includes(true)) return true;
  return verdicts.includes(undefined) ? undefined : false;
}
