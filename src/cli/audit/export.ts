import { timestampMs } from "@bufbuild/protobuf/wkt";
import { AuditRowSchema, type AuditRow } from "../../../gen/muster/audit/v1/audit_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { counted } from "../frame/numbers.ts";
import { formatOf, jsonOf, showItem } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { table } from "../frame/table.ts";

const exportMs = 60_000;

export const auditExport: Run = async (input, terminal) => {
  const [kind = "", id = ""] = input.args;
  const { audit, once } = connect(input, terminal);
  const format = formatOf(input, terminal.isInteractive ? "table" : "json");
  const rows: AuditRow[] = [];
  for await (const { row } of audit.exportAudit({ kind, id }, once(exportMs))) {
    if (!row) continue;
    if (format === "table") rows.push(row);
    else await showItem(format, terminal, jsonOf(AuditRowSchema, row));
  }
  if (format === "table") {
    const columns = terminal.isInteractive ? terminal.size().columns : undefined;
    const style = styleFor(terminal.colour.out);
    terminal.out(`${auditTable(rows, style, columns)}${counted(rows.length, false, "row")}, head ${printable(rows.at(-1)?.hash ?? "-")}\n`);
  }
  return exitCodes.done.code;
};

export function auditTable(rows: readonly AuditRow[], style: Style, columns?: number): string {
  return table({
    heads: ["ROW", "AT", "BY", "ACTION", "HASH", "DETAIL"],
    rows: rows.map(({ sequence, at, actor, action, hash, detail }) => [
      String(sequence),
      at ? new Date(timestampMs(at)).toISOString().replace(/\.\d+Z$/, "Z") : "-",
      actor,
      action,
      hash.slice(0, 12),
      detailText(detail),
    ]),
    bold: style.bold,
    narrow: { drop: ["HASH", "DETAIL"], shorten: "BY" },
    ...(columns === undefined ? {} : { columns }),
  });
}

function detailText(detail: Readonly<Record<string, string>>): string {
  return Object.entries(detail)
    .map(([name, value]) => (name === "event" ? value : `${name}=${value}`))
    .join(" ");
}
