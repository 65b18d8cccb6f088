import { printable } from "../kernel/log.ts";
import type { SchemaChange, SchemaComparison } from "./comparison.ts";

/** The lines shown at most. */
const mostLines = 40;

const marks = { BREAKING: "✗", UNKNOWN: "?", COMPATIBLE: "✓", NONE: "·" } as const;

/** A comparison as text: the verdict, then a line for each change, decisive ones first. */
export function renderDiff({ verdict, changes, omitted }: SchemaComparison, lines: number = mostLines): string {
  const shown = changes.slice(0, lines);
  const more = changes.length - shown.length + omitted;
  return [verdict, ...shown.map(line), ...(more > 0 ? [`… and ${more} more`] : [])].join("\n");
}

function line({ kind, pointer, message }: SchemaChange): string {
  return `${marks[kind]} ${printable(pointer === "" ? "(root)" : pointer, 200)}  ${message}`;
}
