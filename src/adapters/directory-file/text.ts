/** The text of a directory file as a value, and the lines of its parts. */
import { LineCounter, isNode, parseDocument, type Document } from "yaml";
import type { FieldViolation } from "../../kernel/errors.ts";

export interface ReadText {
  readonly value: unknown;
  /** From 1; undefined where it is not known. */
  lineOf(path: readonly (string | number)[]): number | undefined;
}

/** Of text that is read as YAML: this takes some hundred milliseconds, in which nothing else runs. */
export const yamlBytes = 131_072;

/** Reads YAML, of which JSON is a part. Longer text must be JSON, which is read a hundred times as fast. */
export function readText(text: string, problems: FieldViolation[]): ReadText {
  const problem = (description: string, line?: number): ReadText => {
    problems.push({ field: "(file)", description: line === undefined ? description : `${description} (line ${line})` });
    return { value: undefined, lineOf: () => undefined };
  };
  if (Buffer.byteLength(text) > yamlBytes) {
    try {
      return { value: JSON.parse(text), lineOf: () => undefined };
    } catch {
      return problem(`must be JSON when it has more than ${yamlBytes / 1_024} KiB`);
    }
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { lineCounter: lines, version: "1.2", schema: "core", merge: false, prettyErrors: false, logLevel: "error" });
    for (const { message, pos } of [...document.errors, ...document.warnings]) problem(message, lines.linePos(pos[0]).line);
    return { value: document.toJS(), lineOf: (path) => lineIn(document, path, lines) };
  } catch {
    return problem("cannot be read: it is nested too deep, or refers to its own parts too often");
  }
}

function lineIn(document: Document, path: readonly (string | number)[], lines: LineCounter): number | undefined {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  const start = isNode(node) ? node.range?.[0] : undefined;
  if (start !== undefined) return lines.linePos(start).line;
  return path.length === 0 ? undefined : lineIn(document, path.slice(0, -1), lines);
}
