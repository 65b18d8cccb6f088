/** Checks an exported audit by the same code that wrote it, without a server. */
import { fromJsonString } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { AuditRowSchema } from "../../../gen/muster/audit/v1/audit_service_pb.ts";
import { firstBroken, subjectText, type AuditRow } from "../../kernel/audit.ts";
import { printable } from "../../kernel/log.ts";
import { UsageError, type Run } from "../frame/command.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { counted } from "../frame/numbers.ts";
import { show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";

export const auditVerify: Run = async (input, terminal) => {
  const [file = "-"] = input.args;
  const kept = input.text("head");
  if (kept !== undefined && !/^[0-9a-f]{64}$/.test(kept)) throw new UsageError([`--head: "${printable(kept)}" must be a hash: 64 of 0-9 a-f`]);
  const text = fileText("FILE", file, terminal);
  const { rows, finding } = checked(text, kept);
  const [first] = rows;
  const subject = first ? subjectText(first.subject) : "";
  const head = rows.at(-1)?.hash ?? "";
  const value = { isIntact: finding === undefined, rows: rows.length, subject, head, ...(finding ? { row: finding.row, problem: finding.problem } : {}) };
  const style = styleFor(terminal.colour.out);
  await show(input, terminal, value, () =>
    finding
      ? `${style.bad("✗")} row ${finding.row}: ${printable(finding.problem)}\n`
      : `${style.good("✓")} ${counted(rows.length, false, "row")} of ${printable(subject)} as written${kept === undefined ? "; without --head nothing shows whether rows after them were cut off" : ""}\n  head ${head}\n`,
  );
  return finding ? exitCodes.failed.code : exitCodes.done.code;
};

interface Finding {
  /** Number of the first row that is not as it was written. */
  readonly row: number;
  readonly problem: string;
}

interface Checked {
  readonly rows: readonly AuditRow[];
  readonly finding: Finding | undefined;
}

function checked(text: string, kept: string | undefined): Checked {
  const rows: AuditRow[] = [];
  for (const line of text.split("\n").filter((one) => one.trim() !== "")) {
    const row = rowOf(line);
    if (!row) return { rows, finding: { row: rows.length + 1, problem: "is no row of an audit, as `muster audit export` prints it with -o json" } };
    rows.push(row);
  }
  return { rows, finding: findingIn(rows, kept) };
}

function rowOf(line: string): AuditRow | undefined {
  try {
    const { kind, id, sequence, at, actor, action, detail, previousHash, hash } = fromJsonString(AuditRowSchema, line);
    // Rows are of whole milliseconds: what is between them is in no hash.
    if (!at || at.nanos % 1_000_000 !== 0 || kind === "" || hash === "") return undefined;
    return { subject: { kind, id }, at: timestampMs(at), actor, action, detail, sequence: Number(sequence), previousHash, hash };
  } catch {
    return undefined;
  }
}

function findingIn(rows: readonly AuditRow[], kept: string | undefined): Finding | undefined {
  const [first] = rows;
  if (!first) return { row: 1, problem: "is missing: there are no rows" };
  const stranger = rows.findIndex(({ subject }) => subjectText(subject) !== subjectText(first.subject));
  const broken = firstBroken(stranger < 0 ? rows : rows.slice(0, stranger)) ?? (stranger < 0 ? undefined : stranger + 1);
  if (broken !== undefined) return { row: broken, problem: broken === stranger + 1 ? strangeText(rows[stranger]) : brokenText(rows, broken) };
  if (kept === undefined || rows.some(({ hash }) => hash === kept)) return undefined;
  return { row: rows.length + 1, problem: `was cut off, or rows before it were written anew: no row has the head ${kept}` };
}

function strangeText(row: AuditRow | undefined): string {
  return `is of ${row ? subjectText(row.subject) : "another subject"}`;
}

function brokenText(rows: readonly AuditRow[], broken: number): string {
  const row = rows[broken - 1];
  const before = rows[broken - 2];
  if (!row || row.sequence > broken)
    return `is missing: ${before ? `row ${broken - 1} is followed by row ${row?.sequence}` : `the first is row ${row?.sequence}`}`;
  if (row.sequence < broken) return `is row ${row.sequence} once more, or out of place`;
  if (before && row.previousHash !== before.hash) return `does not follow row ${broken - 1}: one of them was written anew`;
  return "was edited";
}
