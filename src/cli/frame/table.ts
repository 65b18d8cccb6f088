import { printable } from "../../kernel/log.ts";

/** A cell: its text, and how it is painted once the column's width is known. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

export interface TableOptions {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly bold: (text: string) => string;
  /** Width that lines are cut to, at their last cell. */
  readonly columns?: number;
}

const gap = "  ";

/** Columns as wide as their widest cell, with a header line. Terminal control characters are escaped. */
export function table({ heads, rows, bold, columns }: TableOptions): string {
  const texts = rows.map((row) => row.map((cell) => printable(typeof cell === "string" ? cell : cell.text)));
  const widths = heads.map((head, i) => Math.max(head.length, ...texts.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[], paint: (text: string, column: number) => string): string => {
    let room = columns ?? Number.POSITIVE_INFINITY;
    const parts = cells.map((text, i) => {
      const last = i === cells.length - 1;
      const padded = last ? text : text.padEnd(widths[i] ?? 0) + gap;
      const fitting = padded.length > room ? `${padded.slice(0, Math.max(0, room - 1))}${room > 0 ? "…" : ""}` : padded;
      room -= fitting.length;
      return paint(fitting, i);
    });
    return parts.join("").trimEnd();
  };
  const body = rows.map((row, r) =>
    line(texts[r] ?? [], (text, i) => {
      const cell = row[i];
      return typeof cell === "object" ? cell.paint(text) : text;
    }),
  );
  return [line(heads, bold), ...body, ""].join("\n");
}

/** `name  value` lines, the names aligned; pairs without a value are left out. */
export function pairs(items: readonly (readonly [string, Cell])[], dim: (text: string) => string): string {
  const shown = items.filter(([, cell]) => (typeof cell === "string" ? cell : cell.text) !== "");
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  const lines = shown.map(([name, cell]) => {
    const text = printable(typeof cell === "string" ? cell : cell.text, 8_192);
    return `${dim(name.padEnd(width))}  ${typeof cell === "string" ? text : cell.paint(text)}`;
  });
  return [...lines, ""].join("\n");
}
