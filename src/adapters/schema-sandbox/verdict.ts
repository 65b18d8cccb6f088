/** Converts the child's verdicts to the domain's errors. */
import type { DomainError } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import { schemaError, schemaErrorAtPointer } from "../../schema-diff/schema-error.ts";
import { type Place, pointerOf, rootPlace } from "../../schema-diff/schema-place.ts";
import type { AcceptedSchema, InspectedSchema } from "../../schema-diff/schema-text.ts";
import type { Verdict } from "./protocol.ts";
import type { JobResult } from "./sandbox-child.ts";

type Outcome = Verdict | Exclude<JobResult<"check">, { readonly type: "done" }>;

/** The schema's verdict: that it is accepted, with warnings perhaps, or what is wrong with it. */
export function verdictOf(result: Outcome, inspected: InspectedSchema, limitMs: number): AcceptedSchema | DomainError {
  return verdictError(result, inspected, limitMs) ?? { warnings: warningsOf(result, inspected) };
}

/** So many are shown; of the others, how many there are. */
const mostWarnings = 5;

function warningsOf(result: Outcome, { scan }: InspectedSchema): readonly string[] {
  const foreign = (result.type === "valid" ? result.foreign : []).flatMap((index) => scan.patterns[index]?.place ?? []);
  const found = [
    ...foreign.map((place) => `${where(place)}: no ECMAScript engine takes this regular expression, so that validators fail or ignore it`),
    ...scan.emptyEnums.map((place) => `${where(place)}: an enum without members accepts no value`),
  ];
  const more = found.length - mostWarnings;
  return [...found.slice(0, mostWarnings), ...(more > 0 ? [`and ${more} more`] : [])];
}

function where(place: Place): string {
  return printable(pointerOf(place), 100);
}

function verdictError(result: Outcome, inspected: InspectedSchema, limitMs: number): DomainError | undefined {
  switch (result.type) {
    case "valid":
      return undefined;
    case "invalid":
      return schemaErrorAtPointer("SCHEMA_INVALID", result.pointer, printable(result.detail, 200), result.within);
    case "dangling":
      return schemaError("SCHEMA_INVALID", rootPlace, `nothing in the schema answers to the reference "${printable(result.ref, 200)}"`);
    case "pattern": {
      const place = inspected.scan.patterns[result.index]?.place ?? rootPlace;
      const detail = printable(result.detail, 200);
      if (result.fault === "malformed") return schemaError("SCHEMA_INVALID", place, `not a regular expression: ${detail}`);
      const what = result.fault === "too large" ? "this regular expression is too large" : "this regular expression cannot be matched in linear time (RE2)";
      return schemaError("SCHEMA_PATTERN_UNSUPPORTED", place, `${what}: ${detail}`);
    }
    case "killed":
      return schemaError("SCHEMA_COMPILE_TIMEOUT", rootPlace, `it could not be compiled within ${limitMs} ms`);
    case "crashed":
      return schemaError("SCHEMA_TOO_COMPLEX", rootPlace, "it needs more memory to compile than allowed");
    case "too_complex":
      return schemaError("SCHEMA_TOO_COMPLEX", rootPlace, "it is too intricate to compile");
  }
}
