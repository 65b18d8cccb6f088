/** Checks one schema, with a fresh Ajv, and never validates data with it. */
import { Ajv, type ErrorObject, MissingRefError, type Options, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import draft06 from "ajv/dist/refs/json-schema-draft-06.json" with { type: "json" };
import { RE2JS, RE2JSException } from "re2js";
import type { CheckJob, Verdict } from "./protocol.ts";

const common: Options = { strict: false, validateFormats: false, logger: false };

/** `inlineRefs` and `optimize` off, `allErrors` on: the code is never run, so it need only be made quickly and stay flat. */
const compiling: Options = {
  ...common,
  meta: false,
  validateSchema: false,
  inlineRefs: false,
  allErrors: true,
};

const dialects = {
  "draft/2020-12": {
    create: (options: Options) => new Ajv2020(options),
    id: "https://json-schema.org/draft/2020-12/schema",
  },
  "draft/2019-09": {
    create: (options: Options) => new Ajv2019(options),
    id: "https://json-schema.org/draft/2019-09/schema",
  },
  "draft-07": {
    create: (options: Options) => new Ajv(options),
    id: "http://json-schema.org/draft-07/schema",
  },
  "draft-06": {
    create: (options: Options) => new Ajv(options).addMetaSchema(draft06),
    id: "http://json-schema.org/draft-06/schema",
  },
} as const;

const metaSchemas = new Map<string, ValidateFunction>();

/** Runs in the sandbox only: its input may take any time and memory. */
export function run({ text, dialect, patterns }: CheckJob): Verdict {
  try {
    return breach(JSON.parse(text), dialect) ?? badPattern(patterns) ?? uncompilable(text, dialect, patterns) ?? { type: "valid" };
  } catch (error) {
    if (error instanceof RangeError) return { type: "too_complex" };
    throw error;
  }
}

function breach(schema: unknown, dialect: CheckJob["dialect"]): Verdict | undefined {
  const { create, id } = dialects[dialect];
  const conforms = metaSchemas.get(id) ?? create(common).getSchema(id);
  if (!conforms) throw new Error(`no meta-schema ${id}`);
  metaSchemas.set(id, conforms);
  if (conforms(schema)) return undefined;
  const error = conforms.errors?.[0];
  return {
    type: "invalid",
    pointer: error?.instancePath ?? "",
    detail: error ? described(error) : "it breaks the rules of its dialect",
  };
}

function described(error: ErrorObject): string {
  const allowed: unknown = error.params["allowedValues"];
  return `${error.message ?? error.keyword}${Array.isArray(allowed) ? ` (${allowed.join(", ")})` : ""}`;
}

function badPattern(patterns: readonly string[]): Verdict | undefined {
  for (const [index, pattern] of patterns.entries()) {
    const detail = linearTimeProblem(pattern);
    if (detail !== undefined) return { type: "pattern", index, malformed: !isEcmaPattern(pattern), detail };
  }
  return undefined;
}

function linearTimeProblem(pattern: string): string | undefined {
  // The translation would silently treat a named back-reference as the letter k.
  if (/(?:^|[^\\])(?:\\\\)*\\k</.test(pattern)) return "back-references are not supported";
  try {
    RE2JS.compile(RE2JS.translateRegExp(pattern));
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}

function isEcmaPattern(pattern: string): boolean {
  return ["u", "v", ""].some((flags) => {
    try {
      return new RegExp(pattern, flags) instanceof RegExp;
    } catch {
      return false;
    }
  });
}

function uncompilable(text: string, dialect: CheckJob["dialect"], patterns: readonly string[]): Verdict | undefined {
  const checked = new Set(patterns);
  // One slot a pattern: Ajv tells engines' patterns apart by toString() alone. Never called, since nothing is validated.
  const regExp = Object.assign(
    (pattern: string) => {
      const problem = checked.has(pattern) ? undefined : linearTimeProblem(pattern);
      if (problem !== undefined) throw new Error(problem);
      return { test: () => false, toString: () => `re2:${pattern}` };
    },
    { code: "re2" },
  );
  const { create } = dialects[dialect];
  const ajv = create({ ...compiling, code: { optimize: false, regExp } }).removeKeyword("id");
  try {
    // OpenAPI's `nullable` and draft-04's `id` are annotations here; Ajv gives them rules of its own.
    ajv.compile(JSON.parse(text, (key, value: unknown) => (key === "nullable" && typeof value === "boolean" ? undefined : value)));
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    if (error instanceof MissingRefError) return { type: "dangling", ref: error.missingRef };
    return {
      type: "invalid",
      pointer: "",
      detail: error instanceof Error ? error.message : "it cannot be compiled",
    };
  }
}
