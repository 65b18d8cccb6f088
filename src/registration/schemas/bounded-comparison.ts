/** Comparisons as they are kept and sent: of bounded size, whatever the schemas. */
import type { SchemaChange, BoundedComparison } from "./schema-records.ts";
import type { SchemaComparison } from "../../schema-diff/comparison.ts";
import type { JsonValue } from "../../schema-diff/json.ts";

/** Changes at most; characters of a pointer, a keyword, a value, a message. */
const most = { changes: 200, pointer: 512, keyword: 64, value: 512, message: 512 } as const;

/** What is kept of a comparison. */
export function boundedComparison({ verdict, changes, omitted }: SchemaComparison): BoundedComparison {
  const kept = changes.slice(0, most.changes).map(({ pointer, keyword, kind, message, before, after }): SchemaChange => ({
    pointer: cut(pointer, most.pointer),
    keyword: cut(keyword, most.keyword),
    kind,
    message: cut(message, most.message),
    ...(before === undefined ? {} : { before: valueText(before) }),
    ...(after === undefined ? {} : { after: valueText(after) }),
  }));
  return { verdict, changes: kept, omitted: omitted + changes.length - kept.length };
}

/** The comparison of equal texts. */
export const unchanged: BoundedComparison = { verdict: "NONE", changes: [], omitted: 0 };

/** A comparison that did not come about. */
export function notCompared(why: string): BoundedComparison {
  return { verdict: "UNKNOWN", changes: [{ pointer: "", keyword: "", kind: "UNKNOWN", message: cut(`not compared: ${why}`, most.message) }], omitted: 0 };
}

function valueText(value: JsonValue): string {
  return cut(JSON.stringify(value), most.value);
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
}
