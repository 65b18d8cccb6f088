import { DomainError, type Reason } from "../kernel/errors.ts";
import { printable } from "../kernel/log.ts";
import { type Place, keywordAt, pointerOf } from "./schema-place.ts";

/** The error that says what is wrong with a schema, and where. */
export function schemaError(reason: Reason, place: Place, what: string, cause?: unknown): DomainError {
  return schemaErrorAt(reason, pointerOf(place), place.keyword, what, cause);
}

/** The same for a place given as a JSON pointer, which begins at the schema at `within`. */
export function schemaErrorAtPointer(reason: Reason, pointer: string, what: string, within = ""): DomainError {
  const keyword = keywordAt(pointer) || keywordAt(within);
  return schemaErrorAt(reason, within + pointer, keyword, what);
}

function schemaErrorAt(reason: Reason, pointer: string, keyword: string, what: string, cause?: unknown): DomainError {
  const where = pointer === "" ? "at its root" : `at ${printable(pointer, 200)} (keyword ${printable(keyword, 64)})`;
  return new DomainError({
    kind: "invalid",
    reason,
    message: `configuration schema refused ${where}: ${what}`,
    metadata: { pointer: printable(pointer, 512), keyword: printable(keyword, 64) },
    cause,
  });
}
