/** Text forms of schema versions and their differences; pure. */
import type { ModuleSchemaVersion } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { SchemaCompatibility, type SchemaChange, type SchemaComparison } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import { nameOf } from "../frame/names.ts";
import { msOf } from "./progress-view.ts";
import type { Style } from "../frame/style.ts";
import { table, type Cell } from "../frame/table.ts";
import { age } from "../frame/times.ts";
import { beside } from "../frame/wrapped.ts";

const mostLines = 40;
const mostValue = 120;
/** Where what belongs to a change is, below its pointer. */
const valueAt = 6;

/**
 * The comparison of two versions: its verdict, then a line for each difference, with the values that changed. What is wider than
 * `columns` goes on below.
 */
export function comparisonText(comparison: SchemaComparison, former: string, next: string, style: Style, columns?: number): string {
  const { compatibility, changes, omittedChanges } = comparison;
  const shown = changes.slice(0, mostLines);
  const more = changes.length - shown.length + omittedChanges;
  return [
    `${style.dim(`${printable(former)} → ${printable(next)}`)}  ${verdictText(compatibility, style)}`,
    ...shown.flatMap((change) => changeLines(change, style, columns)),
    ...(more > 0 ? [style.dim(`… and ${more} more; -o json has ${omittedChanges > 0 ? "up to 200" : "all"} of them`)] : []),
    "",
  ].join("\n");
}

const verdicts: Readonly<Partial<Record<SchemaCompatibility, string>>> = {
  [SchemaCompatibility.NONE]: "the same values are valid",
  [SchemaCompatibility.COMPATIBLE]: "compatible: everything that was valid is still valid",
  [SchemaCompatibility.BREAKING]: "breaking: something that was valid is no longer valid",
  [SchemaCompatibility.UNKNOWN]: "unknown: neither could be proved",
};

function verdictText(compatibility: SchemaCompatibility, style: Style): string {
  return paintOf(compatibility, style)(verdicts[compatibility] ?? word(compatibility));
}

function changeLines({ pointer, compatibility, message, before, after }: SchemaChange, style: Style, columns?: number): readonly string[] {
  const mark =
    { [SchemaCompatibility.BREAKING]: "✗", [SchemaCompatibility.UNKNOWN]: "?", [SchemaCompatibility.COMPATIBLE]: "✓" }[compatibility as number] ?? "·";
  const value = (sign: string, text: string | undefined, paint: (text: string) => string): readonly string[] =>
    text === undefined ? [] : [`${" ".repeat(valueAt)}${paint(`${sign} ${printable(text, mostValue)}`)}`];
  const at = printable(pointer === "" ? "(root)" : pointer);
  const text = printable(message);
  const fits = columns === undefined || valueAt + at.length + text.length <= columns;
  return [
    `  ${paintOf(compatibility, style)(mark)} ${style.bold(at)}${fits ? `  ${text}` : ""}`,
    ...(fits ? [] : [`${" ".repeat(valueAt)}${beside(text, valueAt, columns)}`]),
    ...value("-", before, style.bad),
    ...value("+", after, style.good),
  ];
}

function paintOf(compatibility: SchemaCompatibility, style: Style): (text: string) => string {
  if (compatibility === SchemaCompatibility.BREAKING) return style.bad;
  return compatibility === SchemaCompatibility.UNKNOWN ? style.warn : style.good;
}

function word(compatibility: SchemaCompatibility): string {
  return nameOf(SchemaCompatibility, compatibility).toLowerCase();
}

export interface ListedVersion {
  readonly version: ModuleSchemaVersion;
  readonly isLatest: boolean;
  /** Its difference from the version before it; undefined when they were not compared. */
  readonly change: SchemaCompatibility | undefined;
}

export function versionTable(versions: readonly ListedVersion[], nowMs: number, style: Style): string {
  const rows = versions.map(({ version: it, isLatest, change }): readonly Cell[] => [
    it.version,
    age(it.createdAt && msOf(it.createdAt), nowMs),
    change === undefined || change === SchemaCompatibility.UNSPECIFIED ? "-" : { text: word(change), paint: paintOf(change, style) },
    it.metadata["source"] ?? "",
    (it.metadata["sha256"] ?? "-").slice(0, 12),
    [isLatest ? "latest" : "", it.metadata["synthesised"] === "true" ? "generated" : "", it.description ?? ""].filter((note) => note !== "").join(", "),
  ]);
  return table({ heads: ["VERSION", "AGE", "CHANGE", "FROM", "SHA256", "NOTE"], rows, bold: style.bold });
}
