/**
 * Whether two schemas are written alike: the same asserting keywords with the same values, regardless of the order of keys
 * and of annotations, and references to schemas written alike. Such schemas mean the same however
 * their keywords interact, so that no knowledge of those is needed.
 */
import { type SchemaDocument, type Subschema, keywordOf, lostPrefix, metaPrefix } from "./document.ts";
import { type JsonValue, canonical, isObject, own } from "./json.ts";
import { assertions, holdsOf, schemasUnder } from "./keywords.ts";

export type SameText = (one: Subschema, other: Subschema) => boolean;

export function createSameText(): SameText {
  /** Equal texts have equal numbers. */
  const numbers = new Map<string, number>();
  const texts = new Map<string, number>();
  const refs = new Map<string, readonly string[]>();
  const known = new Map<string, ReadonlySet<string>>();

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
    if (held === "ref") return schema.document.refName(schema);
    if (held === "data") return canonical(value);
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
      if (held === "ref") {
        const ref = schema.document.refName(schema);
        return [ref.startsWith(lostPrefix) ? unfollowable : ref];
      }
      return held === "data" ? [] : schemasUnder(schema, name).flatMap(refsBelow);
    });
    const distinct = [...new Set(below)];
    refs.set(schema.id, distinct);
    return distinct;
  }

  /** The references that, in texts that are alike, do not lead to the same in both documents. */
  function differingRefs(one: SchemaDocument, other: SchemaDocument): ReadonlySet<string> {
    const differing = new Set([unfollowable]);
    /** By a reference, those from whose targets it is met. */
    const metFrom = new Map<string, string[]>();
    for (const ref of new Set([...one.targets.keys(), ...other.targets.keys()])) {
      const [a, b] = [one.targets.get(ref), other.targets.get(ref)];
      if (ref.startsWith(metaPrefix)) continue;
      if (!a || !b || textOf(a) !== textOf(b)) differing.add(ref);
      for (const inner of a ? refsBelow(a) : []) metFrom.set(inner, [...(metFrom.get(inner) ?? []), ref]);
    }
    // A set can be added to while it is gone through.
    for (const ref of differing) for (const outer of metFrom.get(ref) ?? []) differing.add(outer);
    return differing;
  }

  return (one, other) => {
    if (textOf(one) !== textOf(other)) return false;
    const key = `${one.document.root.id} ${other.document.root.id}`;
    const differing = known.get(key) ?? differingRefs(one.document, other.document);
    known.set(key, differing);
    return refsBelow(one).every((ref) => !differing.has(ref));
  };
}

/** Stands for references whose target depends on the way by which they are reached. */
const unfollowable = "#\u0000";
