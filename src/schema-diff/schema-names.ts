/** The names under which references find schemas: absolute URIs of resources, and `URI#anchor`. */
import type { Place } from "./schema-place.ts";

export interface Named {
  readonly value: object;
  readonly place: Place;
}

export interface SchemaNames {
  /** A `weak` name counts where no other is: it stands at a place that is not known to be a schema. */
  define(name: string, named: Named, weak: boolean): void;
  /** `ambiguous` when different schemas have the name. */
  find(name: string): Named | "ambiguous" | undefined;
}

export function createSchemaNames(): SchemaNames {
  const tables = { strong: new Map<string, Named[]>(), weak: new Map<string, Named[]>() };
  const found = new Map<string, Named | "ambiguous" | undefined>();

  function look(name: string): Named | "ambiguous" | undefined {
    const [first, ...others] = tables.strong.get(name) ?? tables.weak.get(name) ?? [];
    const differs = others.some(({ value }) => value !== first?.value && JSON.stringify(value) !== JSON.stringify(first?.value));
    return differs ? "ambiguous" : first;
  }

  return {
    define(name, named, weak) {
      const table = weak ? tables.weak : tables.strong;
      table.set(name, [...(table.get(name) ?? []), named].slice(-mostNamesakes));
      found.delete(name);
    },
    find(name) {
      if (!found.has(name)) found.set(name, look(name));
      return found.get(name);
    },
  };
}

/** So many show that a name is ambiguous. */
const mostNamesakes = 3;
