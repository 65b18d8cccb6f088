/** A request's context against its policy: its bounds, and the policy's JSON Schema. Pure; ends after a bounded number of steps. */
import { canonicalJson } from "../../kernel/canonical-json.ts";
import { DomainError, type FieldViolation } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { PolicyDocument } from "../types.ts";
import { validate, type Violation } from "./context-values.ts";

export const contextLimits = {
  /** Of its canonical JSON, UTF-8. */
  bytes: 65_536,
  /** Of objects and lists in each other, itself included. */
  depth: 32,
  /** Of violations that are reported. */
  violations: 50,
} as const;

/**
 * Throws `invalid` with CONTEXT_INVALID and every violation (field `context.amount`) when the context is too large, is nested too
 * deep, has an integer that JSON does not keep exactly, or is not as the policy's schema wants it.
 */
export function requireContext({ key, context: schema }: Pick<PolicyDocument, "key" | "context">, context: JsonObject): void {
  const violations = contextViolations(schema, context);
  if (violations.length === 0) return;
  const [first] = violations;
  const more = violations.length - 1;
  throw new DomainError({
    kind: "invalid",
    reason: "CONTEXT_INVALID",
    message: `the context does not fit the policy ${key}: ${first?.field} ${first?.description}${more > 0 ? `, and ${more} more` : ""}`,
    metadata: { policy: key },
    fields: violations,
  });
}

/** Everything that is wrong with a context, up to a limit. */
export function contextViolations(schema: JsonObject | undefined, context: JsonObject): readonly FieldViolation[] {
  const unbounded = boundViolations(context);
  const found = unbounded.length > 0 ? unbounded : schema ? validate(schema, context, contextLimits.violations) : [];
  return found.slice(0, contextLimits.violations).map(({ path, message }) => ({ field: printable(path, 200), description: printable(message, 300) }));
}

function boundViolations(context: JsonObject): readonly Violation[] {
  const found: Violation[] = [];
  /** Level by level, so that depth cannot end the stack. */
  let level: readonly { readonly value: Json; readonly path: string }[] = [{ value: context, path: "context" }];
  let count = 0;
  for (let depth = 1; level.length > 0; depth++) {
    count += level.length;
    if (count > contextLimits.bytes) return [tooLarge];
    const isDeep = depth > contextLimits.depth && level.some(({ value }) => typeof value === "object" && value !== null);
    if (isDeep) return [{ path: "context", message: `is nested more than ${contextLimits.depth} deep` }];
    for (const { value, path } of level) {
      const message = flaw(value);
      if (message !== undefined) found.push({ path, message });
    }
    level = level.flatMap(({ value, path }) => below(value, path));
  }
  if (found.length > 0) return found;
  return Buffer.byteLength(canonicalJson(context)) > contextLimits.bytes ? [tooLarge] : [];
}

const tooLarge: Violation = { path: "context", message: `has more than ${contextLimits.bytes} bytes` };

function flaw(value: Json): string | undefined {
  if (typeof value === "string") return value.isWellFormed() ? undefined : "is not well-formed Unicode";
  if (typeof value !== "number") return undefined;
  if (!Number.isFinite(value)) return "is no number of JSON";
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? "is an integer beyond 2^53 - 1, which JSON does not keep exactly: give it as text"
    : undefined;
}

function below(value: Json, path: string): readonly { readonly value: Json; readonly path: string }[] {
  if (value === null || typeof value !== "object") return [];
  if (Array.isArray(value)) return (value as readonly Json[]).map((each, index) => ({ value: each, path: `${path}[${index}]` }));
  return Object.entries(value as JsonObject).map(([name, each]) => ({ value: each, path: `${path}.${name}` }));
}
