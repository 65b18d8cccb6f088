/** Which schema applies to which property of an object, and the resulting classes of names. */
import { type Subschema, once, under } from "./document.ts";
import { evaluatingWith } from "./evaluated.ts";
import { type JsonObject, isObject, own } from "./json.ts";
import { asserts } from "./keywords.ts";
import { patternMatches } from "./pattern.ts";

export interface ObjectParts {
  readonly named: ReadonlyMap<string, Subschema>;
  readonly patterned: ReadonlyMap<string, Subschema>;
  /** For every other name. */
  readonly others: Subschema | undefined;
}

/** One name; all names that match a pattern and are mentioned nowhere; all that are mentioned nowhere and match none of some patterns. */
export type NameClass = { readonly name: string } | { readonly pattern: string } | { readonly outside: ReadonlySet<string> };

/** The parts of one schema: what its `unevaluatedProperties` leave over is a part of its own if other schemas count there too. */
export function objectParts(layer: Subschema): readonly ObjectParts[] {
  return once(layer, "object parts", partsOf);
}

function partsOf(layer: Subschema): readonly ObjectParts[] {
  const main = plainParts(layer);
  const unevaluated = asserts(layer, "unevaluatedProperties") ? under(layer, "unevaluatedProperties") : undefined;
  const evaluating = unevaluated && evaluatingWith(layer);
  // When one of them applies to all other names, nothing is left over.
  const isNone = main.others !== undefined || evaluating?.some((schema) => plainParts(schema).others ?? asserts(schema, "unevaluatedProperties"));
  if (!evaluating || isNone === true) return [main];
  if (evaluating.length === 0) return [{ ...main, others: unevaluated }];
  const all = [layer, ...evaluating].map(plainParts);
  const anything = layer.document.made({}, layer.pointer);
  const free = (names: Iterable<string>) => new Map([...names].map((name) => [name, anything]));
  const leftOver: ObjectParts = {
    named: free(all.flatMap(({ named }) => [...named.keys()])),
    patterned: free(all.flatMap(({ patterned }) => [...patterned.keys()])),
    others: unevaluated,
  };
  return [main, leftOver];
}

function plainParts(layer: Subschema): ObjectParts {
  return { named: schemasByName(layer, "properties"), patterned: schemasByName(layer, "patternProperties"), others: under(layer, "additionalProperties") };
}

/** Whether names that are not mentioned are refused. */
export function isClosed({ patterned, others }: ObjectParts): boolean {
  return others?.value === false && patterned.size === 0;
}

/** The schemas that apply to names of the class, and those that apply to some or none of them. */
export function applying(
  { named, patterned, others }: ObjectParts,
  names: NameClass,
): { readonly sure: readonly Subschema[]; readonly maybe: readonly Subschema[] } {
  const own = "name" in names ? named.get(names.name) : undefined;
  const sure = own ? [own] : [];
  const maybe: Subschema[] = [];
  for (const [pattern, schema] of patterned) {
    const matches = matchOf(pattern, names);
    if (matches === true) sure.push(schema);
    if (matches === undefined) maybe.push(schema);
  }
  if (others && sure.length === 0) (maybe.length === 0 ? sure : maybe).push(others);
  return { sure, maybe };
}

/**
 * What may be assumed of the value of a property, one list for each case that there may be: all schemas of a list hold
 * for it. Every object that `all` describe falls under a case.
 */
export function casesFor(all: readonly ObjectParts[], names: NameClass): readonly (readonly Subschema[])[] {
  let cases: readonly (readonly Subschema[])[] = [[]];
  for (const parts of all) {
    const alternatives = alternativesFor(parts, names);
    if (cases.length * alternatives.length <= mostCases) cases = cases.flatMap((one) => alternatives.map((more) => [...one, ...more]));
  }
  return cases;
}

const mostCases = 16;

function alternativesFor(parts: ObjectParts, names: NameClass): readonly (readonly Subschema[])[] {
  const { sure, maybe } = applying(parts, names);
  if (sure.length > 0 || maybe.length === 0) return [sure];
  return parts.others ? maybe.map((schema) => [schema]) : [[]];
}

function matchOf(pattern: string, names: NameClass): boolean | undefined {
  if ("name" in names) return patternMatches(pattern, names.name);
  if ("pattern" in names) return pattern === names.pattern ? true : undefined;
  return names.outside.has(pattern) ? false : undefined;
}

function schemasByName(layer: Subschema, keyword: string): ReadonlyMap<string, Subschema> {
  const names = isObject(layer.value) ? own(layer.value, keyword) : undefined;
  const found = new Map<string, Subschema>();
  for (const name of isObject(names) ? Object.keys(names as JsonObject) : []) {
    const schema = under(layer, keyword, name);
    if (schema) found.set(name, schema);
  }
  return found;
}
