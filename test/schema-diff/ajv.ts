/** Validation by Ajv, with the options of the product's schema check. */
import { Ajv, type Options } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import draft04 from "ajv-draft-04";
import draft06 from "ajv/dist/refs/json-schema-draft-06.json" with { type: "json" };
import { compilableText } from "../../src/schema-diff/compilable.ts";
import type { JsonValue } from "../../src/schema-diff/json.ts";
import { type Dialect, inspectSchema } from "../../src/schema-diff/schema-text.ts";

/** `allErrors`: without it Ajv 8.20 skips what follows `prefixItems` when an array is shorter than those. */
const options: Options = { strict: false, validateFormats: false, logger: false, allErrors: true };

const validators: Readonly<Record<Dialect, (options: Options) => Ajv>> = {
  "draft/2020-12": (given) => new Ajv2020(given),
  "draft/2019-09": (given) => new Ajv2019(given),
  "draft-07": (given) => new Ajv(given),
  "draft-06": (given) => new Ajv(given).addMetaSchema(draft06),
  "draft-04": (given) => new draft04.default(given),
};

/** Made once: compiling a meta-schema takes longer than anything else here. */
const metaValidators = new Map<Dialect, Ajv>();

/** A function that says whether a value is valid. Throws when the schema breaks the rules of its dialect. */
export function validatorOf(schema: JsonValue): (value: JsonValue) => boolean {
  const text = JSON.stringify(schema);
  const inspected = inspectSchema(text);
  const { dialect, document } = inspected;
  const meta = metaValidators.get(dialect) ?? validators[dialect](options);
  metaValidators.set(dialect, meta);
  if (meta.validateSchema(document) !== true) throw new Error(`not a schema of ${dialect}: ${text}`);
  const ajv = validators[dialect]({ ...options, meta: false, validateSchema: false }).removeKeyword("id");
  // Ajv goes round in circles where an embedded schema refers to a part of its own.
  const resolved = /"\$id"|"\$ref":"http/.test(text) ? compilableText(inspected) : text;
  const parsed: unknown = JSON.parse(resolved, (key, value: unknown) => (key === "nullable" && typeof value === "boolean" ? undefined : value));
  const validate = ajv.compile(parsed as object | boolean);
  return (value) => validate(value);
}

const shared = new Map<Dialect, { readonly ajv: Ajv; uses: number }>();

/** An Ajv keeps something of every schema it compiled, so that it is replaced now and then. */
const usesOfOne = 200;

/** The same for schemas without `$id` and `nullable` that keep the rules of their dialect, in a tenth of the time. */
export function quickValidatorOf(schema: object): (value: JsonValue) => boolean {
  const { dialect } = inspectSchema(JSON.stringify(schema));
  const known = shared.get(dialect);
  const used = known && known.uses < usesOfOne ? known : { ajv: validators[dialect]({ ...options, meta: false, validateSchema: false }), uses: 0 };
  used.uses += 1;
  shared.set(dialect, used);
  const validate = used.ajv.compile(schema);
  return (value) => validate(value);
}
