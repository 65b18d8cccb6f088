/** The properties of objects: which schema holds for which, their names, `unevaluatedProperties`. */
import { allOf } from "../accepts.ts";
import { type Subschema, extended, keywordOf, under } from "../document.ts";
import { requiredNames } from "../facts.ts";
import { doubted, failureAt, narrowed } from "../failures.ts";
import { objects } from "../instance-types.ts";
import { isObject, own, stringsOf } from "../json.ts";
import { acceptsAll } from "../keywords.ts";
import { isConditional } from "../evaluated.ts";
import { type NameClass, type ObjectParts, applying, casesFor, isClosed, objectParts } from "../object-parts.ts";
import type { Failure, Prover, Rule } from "../rule.ts";

export const propertiesRule: Rule = {
  keywords: ["properties", "patternProperties", "additionalProperties", "unevaluatedProperties"],
  types: objects,
  accepts: (layer, value, prover) => {
    if (!isObject(value)) return true;
    return allOf(
      Object.keys(value).flatMap((name) => {
        const verdict = (schema: Subschema) => prover.accepts(schema, own(value, name) ?? null);
        return objectParts(layer).flatMap((parts) => {
          const { sure, maybe } = applying(parts, { name });
          return [...sure.map(verdict), ...maybe.map((schema) => (verdict(schema) === true ? true : undefined))];
        });
      }),
    );
  },
  failures: (facts, layer, prover) => {
    const former = facts.layers.flatMap(objectParts);
    const leftOver = facts.layers.some((known) => isConditional(known, "unevaluatedProperties"));
    const weight = former.reduce((sum, { patterned }) => sum + 1 + patterned.size, 1);
    return objectParts(layer).flatMap((next) =>
      classesOf(next, former).flatMap((names) => {
        prover.spend(weight + next.patterned.size);
        const found = classFailures(names, next, former, prover);
        return leftOver ? found.map(mayBeLeftOver) : found;
      }),
    );
  },
};

function classesOf(next: ObjectParts, former: readonly ObjectParts[]): readonly NameClass[] {
  const names = new Set([...next.named.keys(), ...former.flatMap(({ named }) => [...named.keys()])]);
  const patterns = [...next.patterned.keys()];
  return [...[...names].map((name) => ({ name })), ...patterns.map((pattern) => ({ pattern })), { outside: new Set(patterns) }];
}

function classFailures(names: NameClass, next: ObjectParts, former: readonly ObjectParts[], prover: Prover): readonly Failure[] {
  const { sure, maybe } = applying(next, names);
  // Another pattern may match too: that is a class of its own.
  const asked = "name" in names ? [...sure, ...maybe] : sure;
  if (asked.every(acceptsAll)) return [];
  const cases = casesFor(former, names);
  // Where the next version has no patterns, there are names for each case; elsewhere the cases may be one.
  const areReal = cases.length === 1 || ("outside" in names && names.outside.size === 0);
  return asked.flatMap((schema) =>
    cases.flatMap((held) => {
      const found = narrowed(held, schema, prover).map((failure) => forbidding(failure, names, schema, former));
      return areReal && !maybe.includes(schema) ? found : found.map((failure) => doubted(failure, "which pattern matches is not decided"));
    }),
  );
}

function mayBeLeftOver(failure: Failure): Failure {
  return failure.topic === "restricted" ? doubted(failure, "unevaluatedProperties may have refused it before") : failure;
}

/** A name that is refused now is reported at its former place, not at that of the refusal. */
function forbidding(failure: Failure, names: NameClass, schema: Subschema, former: readonly ObjectParts[]): Failure {
  if (!("name" in names) || schema.value !== false || failure.pointer !== schema.pointer) return failure;
  const stood = former.map(({ named }) => named.get(names.name)).find((found) => found?.pointer.endsWith(extended("", names.name)));
  return stood ? { ...failure, pointer: stood.pointer, keyword: "properties", topic: "forbidden", former: stood.value, next: undefined } : failure;
}

export const propertyNamesRule: Rule = {
  keywords: ["propertyNames"],
  types: objects,
  accepts: (layer, value, prover) => {
    const schema = under(layer, "propertyNames");
    return schema && isObject(value) ? allOf(Object.keys(value).map((name) => prover.accepts(schema, name))) : true;
  },
  failures: (facts, layer, prover) => {
    const schema = under(layer, "propertyNames");
    if (!schema) return [];
    const { root, made } = schema.document;
    const former = facts.layers.map((known) => under(known, "propertyNames")).filter((names) => names !== undefined);
    const listed = facts.layers
      .flatMap(objectParts)
      .filter(isClosed)
      .map(({ named }) => made({ enum: [...named.keys()] }, root.pointer));
    return prover.failures([made({ type: "string" }, root.pointer), ...former, ...listed], schema);
  },
};

export const requiredRule: Rule = {
  keywords: ["required"],
  types: objects,
  accepts: (layer, value) => !isObject(value) || stringsOf(keywordOf(layer, "required")).every((name) => Object.hasOwn(value, name)),
  failures: (facts, layer) => {
    const known = new Set(requiredNames(facts.layers));
    return requiredNames([layer]).every((name) => known.has(name)) ? [] : [failureAt(facts, layer, "required", "BREAKING")];
  },
};

export const unevaluatedPropertiesRule: Rule = {
  keywords: ["unevaluatedProperties"],
  types: objects,
  accepts: (layer) => (isConditional(layer, "unevaluatedProperties") ? undefined : true),
  failures: (facts, layer, prover) => {
    // What does not depend on the value is seen to by the rule of properties.
    if (!isConditional(layer, "unevaluatedProperties") || facts.layers.some((former) => prover.sameText(former, layer))) return [];
    return [failureAt(facts, layer, "unevaluatedProperties", "UNKNOWN", "it depends on all that stands beside it")];
  },
};
