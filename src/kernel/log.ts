/** Structured logging: one line per event, with fields. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

const order: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const maxValueLength = 1_024;
// C0, C1, and what cannot be seen or turns the direction of writing: what Unicode has rendered as nothing (zero width, marks,
// overrides, isolates, fillers, variation selectors but the one of an emoji, tags), line and paragraph separators, annotations, the empty Braille cell.
const unprintable = /[[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800\ufff9-\ufffb]--\ufe0f]|(?<!\p{Extended_Pictographic})\ufe0f/gv;

/** Text from outside made safe for a terminal, a log line or an error message: control, bidirectional and invisible characters escaped, at most `max` characters. */
export function printable(text: string, max = maxValueLength): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return escaped(cut, (code) => (code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`));
}

/** Replaces each control, bidirectional and invisible character of a text. */
export function escaped(text: string, escape: (code: number) => string): string {
  return text.replace(unprintable, (c) => escape(c.codePointAt(0)!));
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "json" | "text";
  readonly now: () => number;
  readonly write: (line: string) => void;
}

/** A log that writes one line per event: JSON, or `time level event key=value …` as text. An error's causes are printed once, as a chain. */
export function createLog(options: LogOptions): Log {
  return (level, event, fields = {}) => {
    if (order[level] < order[options.level]) return;
    const time = new Date(options.now()).toISOString();
    const clean = Object.fromEntries(
      Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, plain(value)]),
    );
    if (options.format === "json") {
      options.write(`${JSON.stringify({ time, level, event, ...clean })}\n`);
      return;
    }
    const pairs = Object.entries(clean).map(
      ([key, value]) => `${key}=${typeof value === "string" && /[\s"=]/.test(value) ? JSON.stringify(value) : String(value)}`,
    );
    options.write(`${[time, level.toUpperCase().padEnd(5), event, ...pairs].join(" ")}\n`);
  };
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return printable(causeChain(value));
  if (typeof value === "string") return printable(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "object" && value !== null) return printable(JSON.stringify(value));
  return value;
}

function causeChain(error: Error): string {
  const parts: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && parts.length < 6; cause = cause.cause) {
    parts.push(`${cause.name}: ${cause.message}`);
  }
  return parts.join(" <- ");
}
