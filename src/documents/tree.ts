/** The text of a document as a tree of values with their places. YAML 1.2, of which JSON is a part. Never throws. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument, type YAMLError } from "yaml";
import type { Place, Problems } from "./problems.ts";

export const documentLimits = {
  bytes: 65_536,
  /** Of maps and lists. */
  depth: 40,
  /** Values, with what aliases stand for counted each time. */
  values: 10_000,
} as const;

export interface MapTree {
  readonly kind: "map";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, { readonly place: Place; readonly value: Tree }>;
}

export interface ListTree {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly Tree[];
}

export interface ScalarTree {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null;
}

export type Tree = MapTree | ListTree | ScalarTree;

const top = { place: { line: 1, column: 1 }, path: "" };
const tooDeep = `the document is nested more than ${documentLimits.depth} deep`;

class TooMuch extends Error {}

/** The tree; undefined when there is none, for reasons that are reported. */
export function readTree(text: string, { report }: Problems): Tree | undefined {
  // UTF-8 is never shorter than UTF-16 is long.
  if (text.length > documentLimits.bytes || Buffer.byteLength(text) > documentLimits.bytes) {
    report(top, `the document has more than ${documentLimits.bytes} bytes`);
    return undefined;
  }
  const lines = new LineCounter();
  const document = parse(text, lines);
  const findings = [...document.errors, ...document.warnings];
  // The parser reports its full stack among the errors of syntax.
  if (findings.some(({ message }) => message.startsWith("Maximum call stack"))) {
    report(top, tooDeep);
    return undefined;
  }
  for (const finding of findings) report({ place: placeAt(lines, finding.pos[0]), path: "" }, inWords(finding));
  if (findings.length > 0) return undefined;
  const why = whyNotReadable(document);
  if (why !== undefined) {
    report(top, why);
    return undefined;
  }
  try {
    return treeOf(document, lines, report);
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    report(top, error.message);
    return undefined;
  }
}

/** What the parser found, with what is meant mostly where somebody writes an expression or a pattern without quotes. */
function inWords({ code, message }: Pick<YAMLError, "code" | "message">): string {
  if (code === "MULTIPLE_DOCS") return "another document begins here: there is one in a text";
  if (code === "TAG_RESOLVE_FAILED") return `${message}: put a text that begins with ! in quotes`;
  if (code === "BLOCK_AS_IMPLICIT_KEY") return `${message}: put a text that has a colon and a space in it in quotes`;
  return message.endsWith("at node end") ? `${message}: put all of the text in quotes` : message;
}

/** Unique keys are looked after below: the parser compares each with each. */
function parse(text: string, lines: LineCounter): Document.Parsed<ParsedNode> {
  return parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2", schema: "core", merge: false, uniqueKeys: false, logLevel: "error" });
}

function whyNotReadable(document: Document.Parsed<ParsedNode>): string | undefined {
  if (document.directives.yaml.version !== "1.2") return "the document is YAML 1.2: leave the %YAML directive out";
  return document.contents === null ? "the document is empty" : undefined;
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** The tree; undefined when it has aliases of nothing, which are reported. */
function treeOf(document: Document.Parsed<ParsedNode>, lines: LineCounter, report: Problems["report"]): Tree | undefined {
  let values = 0;
  let isWhole = true;

  /** `above` is where the value's key is, for a value that is left out. */
  function visit(given: unknown, depth: number, path: string, above: Place): Tree {
    values += 1;
    if (values > documentLimits.values) throw new TooMuch(`the document has more than ${documentLimits.values} values, with its aliases written out`);
    if (depth > documentLimits.depth) throw new TooMuch(tooDeep);
    const place = placeOf(given) ?? above;
    const node = isAlias(given) ? given.resolve(document) : given;
    if (isAlias(given) && node === undefined) {
      report({ place, path }, `there is no anchor &${given.source}: put a text that begins with * in quotes`);
      isWhole = false;
    }
    if (isMap(node)) return { kind: "map", place, entries: entriesOf(node.items, depth, path, place) };
    if (isSeq(node)) return { kind: "list", place, items: node.items.map((item, index) => visit(item, depth + 1, `${path}[${index}]`, place)) };
    return { kind: "scalar", place, value: scalarOf(isScalar(node) ? node.value : null) };
  }

  function entriesOf(pairs: readonly { readonly key: unknown; readonly value: unknown }[], depth: number, path: string, above: Place): MapTree["entries"] {
    const entries = new Map<string, { readonly place: Place; readonly value: Tree }>();
    for (const { key, value } of pairs) {
      const place = placeOf(key) ?? above;
      const resolved = isAlias(key) ? key.resolve(document) : key;
      const name = isScalar(resolved) ? resolved.value : undefined;
      if (typeof name !== "string") {
        report({ place, path }, "a key is text: put it in quotes");
        continue;
      }
      const inner = path === "" ? name : `${path}.${name}`;
      if (entries.has(name)) report({ place, path: inner }, "it is there twice");
      entries.set(name, { place, value: visit(value, depth + 1, inner, place) });
    }
    return entries;
  }

  function placeOf(node: unknown): Place | undefined {
    const from = isNode(node) ? node.range?.[0] : undefined;
    return from === undefined ? undefined : placeAt(lines, from);
  }

  const tree = visit(document.contents, 0, "", top.place);
  return isWhole ? tree : undefined;
}

function scalarOf(value: unknown): ScalarTree["value"] {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}
