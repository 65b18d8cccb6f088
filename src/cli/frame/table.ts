import { printable } from "../../kernel/log.ts";
import { beside } from "./wrapped.ts";

/** A cell: its text, and how it is painted once the column's width is known. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

export interface TableOptions {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly bold: (text: string) => string;
  /** The width of the terminal; what still does not fit is cut off at its end. */
  readonly columns?: number;
  readonly narrow?: Narrowing;
}

/** How a table is made to fit: heads of columns to leave out, the least wanted first, and of the one whose texts are shortened. */
export interface Narrowing {
  readonly drop: readonly string[];
  readonly shorten: string;
}

const gap = "  ";
/** What a shortened column and the last one keep before further columns are left out. */
const leastWidths = { shortened: 13, last: 14 } as const;

/** At most `width` characters; of a longer text its end is kept, and of its beginning as much as fits: ids differ at the end. */
export function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor(Math.max(0, width - 1) * 0.6);
  return `${text.slice(0, Math.max(0, width - 1 - tail))}…${tail === 0 ? "" : text.slice(-tail)}`;
}

/** Columns as wide as their widest cell, with a line of heads. Whatever could steer a terminal is escaped. */
export function table(options: TableOptions): string {
  const { heads, rows, bold, columns } = fitted(options);
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

function fitted(options: TableOptions): TableOptions {
  const { columns, narrow } = options;
  if (columns === undefined || !narrow) return options;
  let { heads, rows } = options;
  const widthOf = (i: number): number => Math.max(heads[i]?.length ?? 0, ...rows.map((row) => textOf(row[i] ?? "").length));
  /** Of the line, when the named column is at most `most` wide. */
  const needed = (most: number, last: number): number => {
    const widths = heads.map((head, i) => {
      const width = head === narrow.shorten ? Math.min(widthOf(i), most) : widthOf(i);
      return i === heads.length - 1 && head !== narrow.shorten ? Math.min(width, last) : width;
    });
    return widths.reduce((sum, width) => sum + width, gap.length * (heads.length - 1));
  };
  for (const head of narrow.drop) {
    if (needed(leastWidths.shortened, leastWidths.last) <= columns) break;
    const at = heads.indexOf(head);
    if (at < 0) continue;
    heads = heads.toSpliced(at, 1);
    rows = rows.map((row) => row.toSpliced(at, 1));
  }
  const at = heads.indexOf(narrow.shorten);
  const room = Math.max(leastWidths.shortened, columns - needed(0, leastWidths.last));
  return { ...options, heads, rows: rows.map((row) => row.map((cell, i) => (i === at ? withText(cell, shortened(textOf(cell), room)) : cell))) };
}

function textOf(cell: Cell): string {
  return printable(typeof cell === "string" ? cell : cell.text);
}

function withText(cell: Cell, text: string): Cell {
  return typeof cell === "string" ? text : { ...cell, text };
}

/** `name  value` lines, the names aligned; pairs without a value are left out. Values that are wider than `columns` go on below. */
export function pairs(items: readonly (readonly [string, Cell])[], dim: (text: string) => string, columns?: number): string {
  const shown = items.filter(([, cell]) => (typeof cell === "string" ? cell : cell.text) !== "");
  const names = shown.map(([name]) => printable(name));
  const width = Math.max(0, ...names.map(({ length }) => length));
  const lines = shown.map(([, cell], i) => {
    const text = beside(printable(typeof cell === "string" ? cell : cell.text, 8_192), width + gap.length, columns);
    return `${dim((names[i] ?? "").padEnd(width))}  ${typeof cell === "string" ? text : cell.paint(text)}`;
  });
  return [...lines, ""].join("\n");
}
