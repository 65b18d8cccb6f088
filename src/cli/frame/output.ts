/** An answer in the requested format: a table, the contract's JSON, or the same as YAML. */
import { toJson, type DescMessage, type JsonValue, type MessageShape, type Registry } from "@bufbuild/protobuf";
import { hasHidden, hex, jsonEscaped, jsonText, withEscapes } from "./json-text.ts";
import type { Input } from "./command.ts";
import type { Terminal } from "./terminal.ts";

export type Format = "table" | "json" | "yaml";

export function formatOf(input: Input, fallback: Format = "table"): Format {
  const format = input.text("output");
  return format === "json" || format === "yaml" || format === "table" ? format : fallback;
}

/** A message as JSON in the mapping of protobuf, including fields with their default value. `registry`: the types of its Any fields. */
export function jsonOf<D extends DescMessage>(schema: D, message: MessageShape<D>, registry?: Registry): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true, ...(registry ? { registry } : {}) });
}

/** Shows one answer; `text` makes the table form. */
export async function show(input: Input, terminal: Terminal, value: JsonValue, text: () => string): Promise<void> {
  const format = formatOf(input);
  if (format === "table") terminal.out(text());
  else if (format === "json") terminal.out(`${jsonText(value, 2)}\n`);
  else terminal.out(await yamlOf(value));
}

/** A document of somebody else's, which ends with its line: into a file or a pipe as it is, on a terminal with escapes. */
export function documentText(text: string, { isInteractive }: Pick<Terminal, "isInteractive">): string {
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  return isInteractive ? whole.replaceAll("\r\n", "\n").split("\t").map(jsonEscaped).join("\t") : whole;
}

/** Shows one item of a stream: one line of JSON, or one YAML document. */
export async function showItem(format: "json" | "yaml", terminal: Pick<Terminal, "out">, value: JsonValue): Promise<void> {
  terminal.out(format === "json" ? `${jsonText(value)}\n` : `---\n${await yamlOf(value)}`);
}

/** What cannot be seen or steers a terminal is an escape in both, which readers of the format undo. */
async function yamlOf(value: JsonValue): Promise<string> {
  const { Document, visit } = await import("yaml");
  const document = new Document(value);
  visit(document, {
    Scalar(_key, scalar) {
      // Only double quotes have escapes.
      if (typeof scalar.value === "string" && hasHidden(scalar.value)) scalar.type = "QUOTE_DOUBLE";
    },
  });
  return withEscapes(document.toString({ lineWidth: 0 }), (code) => (code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`));
}
