/** Converts the child's verdicts to the domain's errors. */
import type { DomainError } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import { rootPlace } from "../../schema-diff/schema-place.ts";
import { type InspectedSchema, schemaError, schemaErrorAtPointer } from "../../schema-diff/schema-text.ts";
import type { Verdict } from "./protocol.ts";
import type { JobResult } from "./sandbox-child.ts";

type Outcome = Verdict | Exclude<JobResult<"check">, { readonly type: "done" }>;

/** Why the schema is refused, or undefined. */
export function verdictError(result: Outcome, inspected: InspectedSchema, limitMs: number): DomainError | undefined {
  switch (result.type) {
    case "valid":
      return undefined;
    case "invalid":
      return schemaErrorAtPointer("SCHEMA_INVALID", result.pointer, printable(result.detail, 200));
    case "dangling": {
      const place = inspected.refs.find(({ text }) => text !== "" && result.ref.endsWith(text))?.place ?? rootPlace;
      return schemaError("SCHEMA_INVALID", place, `nothing in the schema answers to the reference "${printable(result.ref, 200)}"`);
    }
    case "pattern": {
      const place = inspected.patterns[result.index]?.place ?? rootPlace;
      const detail = printable(result.detail, 200);
      return result.malformed
        ? schemaError("SCHEMA_INVALID", place, `not a regular expression: ${detail}`)
        : schemaError("SCHEMA_PATTERN_UNSUPPORTED", place, `this regular expression cannot be matched in linear time (RE2): ${detail}`);
    }
    case "killed":
      return schemaError("SCHEMA_COMPILE_TIMEOUT", rootPlace, `it could not be compiled within ${limitMs} ms`);
    case "crashed":
      return schemaError("SCHEMA_TOO_COMPLEX", rootPlace, "it needs more memory to compile than allowed");
    case "too_complex":
      return schemaError("SCHEMA_TOO_COMPLEX", rootPlace, "it is too intricate to compile");
  }
}
