/**
 * Whether two schemas are written alike: the same asserting keywords with the same values, whatever the order of keys
 * and the annotations, and references that lead to schemas written alike. Such schemas mean the same in whatever way
 * their keywords work together, so that nothing need be known about those.
 */
import { type Subschema, keywordOf } from "./document.ts";
import { type JsonValue, canonical, isObject, own } from "./json.ts";
import { assertions, holdsOf, schemasUnder } from "./keywords.ts";

export type SameText = (one: Subschema, other: Subschema) => boolean;

export function createSameText(spend: (work: number) => boolean): SameText {
  /** Equal texts have equal numbers. */
  const numbers = new Map<string, number>();
  const texts = new Map<string, number>();
  const refs = new Map<string, readonly string[]>();
  const verdicts = new Map<string, boolean>();

  function textOf(schema: Subschema): number {
    const known = texts.get(schema.id);
    if (known !== undefined) return known;
    const text = isObject(schema.value)
      ? assertions(schema)
          .toSorted()
          .map((name) => `${name}:${valueText(schema, name)}`)
          .join(";")
      : String(schema.value);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    texts.set(schema.id, number);
    return number;
  }

  /** A keyword's value, with schemas in it replaced by the numbers of their texts. */
  function valueText(schema: Subschema, name: string): string {
    const value = keywordOf(schema, name) ?? null;
    const held = holdsOf(name);
    if (held === "data" || held === "ref") return canonical(value);
    const inner = new Map(schemasUnder(schema, name).map((part) => [part.value as JsonValue, textOf(part)]));
    const numbered = (part: JsonValue): string => (isObject(part) && inner.has(part) ? `#${inner.get(part)}` : canonical(part));
    if (Array.isArray(value)) return `[${value.map(numbered).join(",")}]`;
    if (!isObject(value) || inner.has(value)) return numbered(value);
    const members = Object.keys(value).toSorted();
    return `{${members.map((key) => `${JSON.stringify(key)}:${numbered(own(value, key) ?? null)}`).join(",")}}`;
  }

  function refsBelow(schema: Subschema): readonly string[] {
    const known = refs.get(schema.id);
    if (known) return known;
    const below = assertions(schema).flatMap((name) => {
      const held = holdsOf(name);
      if (name === "$dynamicRef" || name === "$recursiveRef") return [unfollowable];
      if (held === "ref") return [String(keywordOf(schema, name))];
      return held === "data" ? [] : schemasUnder(schema, name).flatMap(refsBelow);
    });
    const distinct = [...new Set(below)];
    refs.set(schema.id, distinct);
    return distinct;
  }

  return (one, other) => {
    const key = `${one.id} ${other.id}`;
    const known = verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = alike(one, other);
    verdicts.set(key, verdict);
    return verdict;
  };

  function alike(one: Subschema, other: Subschema): boolean {
    const seen = new Set<string>();
    const waiting = [[one, other] as const];
    for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
      const [a, b] = pair;
      if (seen.has(`${a.id} ${b.id}`)) continue;
      seen.add(`${a.id} ${b.id}`);
      if (!spend(1) || textOf(a) !== textOf(b)) return false;
      for (const ref of refsBelow(a)) {
        const targets = [a.document.target(ref), b.document.target(ref)] as const;
        if (!targets[0] || !targets[1]) return false;
        waiting.push([targets[0], targets[1]]);
      }
    }
    return true;
  }
}

/** Stands for references whose target depends on the way by which they are reached. */
const unfollowable = "#\u0000";
