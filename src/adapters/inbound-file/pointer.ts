import { type Field, reported, textOf } from "../../documents/fields.ts";
import type { Report } from "../../documents/problems.ts";

/** A JSON Pointer to something within a document. */
export function pointerOf(field: Field, report: Report): string | undefined {
  const text = textOf(field, report);
  if (text === undefined || /^(\/([^/~]|~[01])+)+$/.test(text)) return text;
  return reported(report, field, "it is a JSON Pointer, such as /payload/market_id");
}
