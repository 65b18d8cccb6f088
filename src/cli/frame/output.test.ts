import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { printable } from "../../kernel/log.ts";
import { showItem } from "./output.ts";
import { table } from "./table.ts";

const hidden = [
  0x1b, 0x7f, 0x9b, 0xad, 0x61c, 0x180e, 0x200b, 0x200d, 0x200f, 0x2028, 0x202e, 0x2060, 0x2066, 0xfeff, 0xe0001, 0xe0041, 0xe007f, 0x34f, 0x115f, 0x17b4,
  0x180b, 0x2800, 0x3164, 0xfe00, 0xfe0f, 0xffa0, 0x1d173, 0xe0100,
];
const plain = /^[\n\x20-\x7e\u00a1-\u00ac]*$/;

describe.each(hidden)("the character U+%s", (code) => {
  const text = `a${String.fromCodePoint(code)}b: \n"c"`;

  test("is an escape in tables and logs", () => {
    expect(printable(text)).toMatch(/^a\\u\{?[0-9a-f]{4,5}\}?b: \\u000a"c"$/);
    expect(table({ heads: ["A"], rows: [[text]], bold: (it) => it })).toMatch(plain);
  });

  test.each(["json", "yaml"] as const)("is an escape in %s, which means the same", async (format) => {
    let shown = "";
    const value = { [text]: [text, "plain"], other: text };
    await showItem(format, { out: (it) => (shown += it) }, value);
    expect(shown).toMatch(plain);
    expect(format === "json" ? JSON.parse(shown) : parse(shown)).toEqual(value);
  });
});

test("letters of any script stay as they are", () => {
  for (const text of ["Zürich", "東京", "שלום", "مرحبا", "e\u0301", "👩", "⚠\ufe0f"]) expect(printable(text)).toBe(text);
});
