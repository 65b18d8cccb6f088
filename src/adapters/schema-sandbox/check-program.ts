/** Checks one schema, with a fresh Ajv, and never validates data with it. */
import { Ajv, type ErrorObject, MissingRefError, type Options, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import draft06 from "ajv/dist/refs/json-schema-draft-06.json" with { type: "json" };
import draft07 from "ajv/dist/refs/json-schema-draft-07.json" with { type: "json" };
import draft04Module from "ajv-draft-04";
import draft04 from "ajv-draft-04/dist/refs/json-schema-draft-04.json" with { type: "json" };
import { RE2JS, RE2JSException } from "re2js";
import type { CheckJob, Verdict } from "./protocol.ts";
import { BackReference, isEcmaPattern, re2Pattern } from "./re2-pattern.ts";

const common: Options = { strict: false, validateFormats: false, logger: false };

/** `inlineRefs` and `optimize` off, `allErrors` on: the code is never run, so it need only be made quickly and stay flat. */
const compiling: Options = {
  ...common,
  meta: false,
  validateSchema: false,
  inlineRefs: false,
  allErrors: true,
};

/** As published: Ajv's copy wants at least one member in an `enum`, and no two alike, which draft-07 only recommends. */
const officialDraft07 = { ...draft07, properties: { ...draft07.properties, enum: { type: "array", items: true } } };

/** As published: Ajv's copy says nothing of `format`. */
const officialDraft04 = { ...draft04, properties: { ...draft04.properties, format: { type: "string" } } };

/** What later dialects know, and Ajv applies all the same. */
const conditions = ["if", "then", "else"];
const laterThanDraft04 = [...conditions, "const", "contains", "propertyNames"];

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
    create: (options: Options) => new Ajv({ ...options, meta: false }).addMetaSchema(officialDraft07, undefined, false),
    id: "http://json-schema.org/draft-07/schema",
  },
  "draft-06": {
    create: (options: Options) => without(conditions, new Ajv(options).addMetaSchema(draft06)),
    id: "http://json-schema.org/draft-06/schema",
  },
  "draft-04": {
    create: (options: Options) =>
      without(laterThanDraft04, new draft04Module.default({ ...options, meta: false })).addMetaSchema(officialDraft04, undefined, false),
    id: "http://json-schema.org/draft-04/schema",
  },
} as const;

function without(keywords: readonly string[], ajv: Ajv): Ajv {
  for (const keyword of keywords) ajv.removeKeyword(keyword);
  return ajv;
}

const metaSchemas = new Map<string, ValidateFunction>();

/** Runs in the sandbox only: what it is given may take any time and memory. */
export function run(job: CheckJob): Verdict {
  const { text, dialect, entered, patterns } = job;
  try {
    const schema: unknown = JSON.parse(text);
    const broken = ["", ...entered].values().map((pointer) => breach(valueAt(schema, pointer), pointer, dialect));
    const wrong = broken.find((verdict) => verdict !== undefined) ?? badPattern(patterns) ?? uncompilable(job);
    return wrong ?? { type: "valid", foreign: [...patterns.keys()].filter((index) => !isEcmaPattern(patterns[index] ?? "")) };
  } catch (error) {
    if (error instanceof RangeError) return { type: "too_complex" };
    throw error;
  }
}

function valueAt(schema: unknown, pointer: string): unknown {
  const keys = pointer.split("/").slice(1);
  return keys.reduce((value: unknown, key) => Object(value)[key.replaceAll("~1", "/").replaceAll("~0", "~")], schema);
}

function breach(schema: unknown, pointer: string, dialect: CheckJob["dialect"]): Verdict | undefined {
  const { create, id } = dialects[dialect];
  const conforms = metaSchemas.get(id) ?? create(common).getSchema(id);
  if (!conforms) throw new Error(`no meta-schema ${id}`);
  metaSchemas.set(id, conforms);
  if (conforms(schema)) return undefined;
  const error = conforms.errors?.[0];
  return {
    type: "invalid",
    within: pointer,
    pointer: error ? placeOf(error) : "",
    detail: error ? described(error) : "it breaks the rules of its dialect",
  };
}

function placeOf({ instancePath, keyword, params }: ErrorObject): string {
  return keyword === "dependencies" ? `${instancePath}/${params["property"]}` : instancePath;
}

function described(error: ErrorObject): string {
  const allowed: unknown = error.params["allowedValues"];
  return `${error.message ?? error.keyword}${Array.isArray(allowed) ? ` (${allowed.join(", ")})` : ""}`;
}

function badPattern(patterns: readonly string[]): Verdict | undefined {
  for (const [index, pattern] of patterns.entries()) {
    const problem = linearTimeProblem(pattern);
    if (problem) return { type: "pattern", index, ...problem };
  }
  return undefined;
}

/** The most characters, classes and groups of a pattern that RE2 does not take, its own limit being counts of 1000. */
const mostParts = 100_000;

function linearTimeProblem(pattern: string): Pick<Extract<Verdict, { type: "pattern" }>, "fault" | "detail"> | undefined {
  try {
    const { text, unrepeated, size } = re2Pattern(pattern);
    const problem = re2Problem(text);
    if (problem === undefined) return undefined;
    const remaining = re2Problem(unrepeated);
    if (remaining !== undefined) return { fault: isEcmaPattern(pattern) ? "not linear" : "malformed", detail: remaining };
    if (size <= mostParts) return undefined;
    return { fault: "too large", detail: `its repeats, written out, come to more than ${mostParts} characters` };
  } catch (error) {
    if (error instanceof BackReference) return { fault: "not linear", detail: error.message };
    throw error;
  }
}

function re2Problem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}

/** One slot a pattern: Ajv tells engines' patterns apart by toString() alone. Never called, for nothing is validated. */
const neverRun = Object.assign((pattern: string) => ({ test: () => false, toString: () => `re2:${pattern}` }), { code: "re2" });

function uncompilable({ compilable, dialect }: CheckJob): Verdict | undefined {
  const { create } = dialects[dialect];
  const ajv = create({ ...compiling, code: { optimize: false, regExp: neverRun } });
  try {
    ajv.compile(JSON.parse(compilable));
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    if (error instanceof MissingRefError) return { type: "dangling", ref: error.missingRef };
    return {
      type: "invalid",
      within: "",
      pointer: "",
      detail: error instanceof Error ? error.message : "it cannot be compiled",
    };
  }
}
