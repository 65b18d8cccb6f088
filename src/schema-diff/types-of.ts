import { type Subschema, keywordOf } from "./document.ts";
import { anything, typeOf, typesNamed } from "./instance-types.ts";
import { listOf } from "./json.ts";
import { asserts, schemasUnder } from "./keywords.ts";
import { layersOf } from "./layers.ts";

/** The types a schema may accept, by its `type`, `enum` and `const`, and through `allOf`, `anyOf`, `oneOf` and `$ref`. */
export function createTypesOf(): (schema: Subschema) => number {
  const known = new Map<string, number>();

  function typesOf(schema: Subschema): number {
    const found = known.get(schema.id);
    if (found !== undefined) return found;
    const { schemas, refusal } = layersOf([schema]);
    const types = refusal ? 0 : schemas.reduce((all, layer) => all & typesHere(layer), anything);
    known.set(schema.id, types);
    return types;
  }

  function typesHere(layer: Subschema): number {
    let types = typesNamed(keywordOf(layer, "type"));
    if (asserts(layer, "const")) types &= typeOf(keywordOf(layer, "const") ?? null);
    if (asserts(layer, "enum")) types &= union(listOf(keywordOf(layer, "enum")).map(typeOf));
    for (const name of ["anyOf", "oneOf"]) {
      if (asserts(layer, name)) types &= union(schemasUnder(layer, name).map(typesOf));
    }
    return types;
  }

  return typesOf;
}

function union(types: readonly number[]): number {
  return types.reduce((all, type) => all | type, 0);
}
