/** JSON that a terminal can show: what cannot be seen, or could steer it, is an escape. */
import { escaped } from "../../kernel/log.ts";

/** The value as JSON. */
export function jsonText(value: unknown, indent?: number): string {
  return jsonEscaped(JSON.stringify(value, undefined, indent));
}

/** A text of JSON that says the same, with escapes. */
export function jsonEscaped(json: string): string {
  return withEscapes(json, (code) =>
    code > 0xffff ? Array.from({ length: 2 }, (_, i) => `\\u${hex(String.fromCodePoint(code).charCodeAt(i), 4)}`).join("") : `\\u${hex(code, 4)}`,
  );
}

/** `text` is laid out by line breaks, which stay. */
export function withEscapes(text: string, escape: (code: number) => string): string {
  return escaped(text, (code) => (code === 0x0a ? "\n" : escape(code)));
}

export function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

/** True when a text has characters to be escaped that YAML would leave as they are. */
export function hasHidden(text: string): boolean {
  let found = false;
  escaped(text, (code) => {
    found ||= code >= 0x7f;
    return "";
  });
  return found;
}
