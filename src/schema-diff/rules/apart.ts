/** Which of several schemas are disjoint, so that no value fulfils two of them. */
import { type Subschema, once } from "../document.ts";
import { requiredNames } from "../facts.ts";
import { objects } from "../instance-types.ts";
import { canonical } from "../json.ts";
import { casesFor, objectParts } from "../object-parts.ts";
import type { Facts, Prover } from "../rule.ts";

/** Up to this number of schemas every pair is checked, if nothing else separates them. */
export const mostPairwise = 20;

/** A property that all of several schemas require, each with listed values: what is usually called a kind or a type. */
export interface Mark {
  readonly name: string;
  /** The schemas that allow a value, by its canonical text. */
  readonly byText: ReadonlyMap<string, readonly Subschema[]>;
  /** How many schemas allow one value, at most. */
  readonly mostSharing: number;
}

/** The mark of the alternatives in `layer`; undefined also when `facts` let values fulfil them that are no objects. */
export function markOf(layer: Subschema, branches: readonly Subschema[], facts: Facts, prover: Prover): Mark | undefined {
  if (branches.some((branch) => (facts.types & prover.typesOf(branch) & ~objects) !== 0)) return undefined;
  return once(layer, "mark", () => bestMark(branches, prover));
}

function bestMark(branches: readonly Subschema[], prover: Prover): Mark | undefined {
  const all = branches.map((branch) => ({ branch, layers: prover.facts([branch]).layers }));
  const [first, ...others] = all.map(({ layers }) => new Set(requiredNames(layers)));
  const shared = [...(first ?? [])].filter((name) => others.every((names) => names.has(name)));
  const marks = shared.flatMap((name): readonly Mark[] => {
    const byText = new Map<string, Subschema[]>();
    for (const { branch, layers } of all) {
      const texts = textsUnder(layers, name, prover);
      if (texts === undefined) return [];
      for (const text of texts) byText.set(text, [...(byText.get(text) ?? []), branch]);
    }
    return [{ name, byText, mostSharing: Math.max(0, ...[...byText.values()].map(({ length }) => length)) }];
  });
  return marks.toSorted((a, b) => a.mostSharing - b.mostSharing)[0];
}

/** Those of the schemas that may accept a value of which `facts` are known. */
export function candidates(branches: readonly Subschema[], mark: Mark | undefined, facts: Facts, prover: Prover): readonly Subschema[] {
  const texts = mark && textsUnder(facts.layers, mark.name, prover);
  if (!texts) return branches;
  const found = new Set(texts.flatMap((text) => mark.byText.get(text) ?? []));
  return branches.filter((branch) => found.has(branch));
}

/** Whether no value that `facts` tell of fulfils two of the schemas. */
export function areApart(branches: readonly Subschema[], mark: Mark | undefined, facts: Facts, prover: Prover): boolean {
  const types = branches.map((branch) => facts.types & prover.typesOf(branch));
  if (areDisjoint(types) || mark?.mostSharing === 1) return true;
  if (branches.length > mostPairwise) return false;
  return branches.every((branch, index) => branches.slice(index + 1).every((other) => prover.facts([...facts.parts, branch, other]).empty));
}

function areDisjoint(sets: readonly number[]): boolean {
  return sets.reduce((sum, set) => sum + set, 0) === sets.reduce((all, set) => all | set, 0);
}

function textsUnder(layers: readonly Subschema[], name: string, prover: Prover): readonly string[] | undefined {
  const [held, ...others] = casesFor(layers.flatMap(objectParts), { name });
  return held && others.length === 0 ? prover.facts(held).values?.map(canonical) : undefined;
}
