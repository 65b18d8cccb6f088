/**
 * Where the references of a schema lead. All of it is decided within the document: by JSON pointers, anchors, and the URIs
 * that the document and the schemas embedded in it have by `$id`. What a reference leads to is a schema, wherever it stands.
 */
import { printable } from "../kernel/log.ts";
import { schemaError } from "./schema-error.ts";
import { type Place, stepInto } from "./schema-place.ts";
import { type Scan, type WrittenReference, isContainer, refKeywords } from "./schema-scan.ts";
import { decodedFragment, isMetaSchema, longestUri, resolvedUri, splitFragment } from "./schema-uri.ts";

export type Target =
  | {
      readonly kind: "schema";
      readonly value: object | boolean;
      readonly place: Place;
      /** The same for the same place in both versions of a document, whatever the document's own URI. */
      readonly name: string;
      /** Another reading of the base URI leads elsewhere. */
      readonly isDisputed: boolean;
    }
  /** A dialect's own schema. */
  | { readonly kind: "meta" }
  | { readonly kind: "lost"; readonly why: string };

export interface Reference extends WrittenReference {
  readonly target: Target;
}

export interface References {
  readonly all: readonly Reference[];
  /** What references lead to that is no schema by its place. */
  readonly entered: readonly Place[];
  /** The reference that a schema has under a keyword. */
  of(holder: object, keyword: string): Reference | undefined;
}

/** Throws `invalid`, SCHEMA_REMOTE_REF, when one leads out of the document, and what `scanSchema` throws. */
export function resolveReferences(scan: Scan): References {
  const entered: Place[] = [];
  const found = new Map<WrittenReference, Target>();
  for (let from = 0; from < scan.refs.length;) {
    const written = scan.refs.slice(from);
    from = scan.refs.length;
    for (const ref of written) {
      const target = targetOf(ref, scan);
      if (target) found.set(ref, target);
      if (target?.kind !== "schema" || !ref.isLive || typeof target.value === "boolean") continue;
      if (scan.enter(target.value)) entered.push(target.place);
    }
  }
  const byHolder = new Map<object, Reference[]>();
  const all = scan.refs.map((ref): Reference => {
    // Names may have been found meanwhile.
    const target = found.get(ref) ?? targetOf(ref, scan);
    if (!target) throw remote(ref);
    const reference = { ...ref, target };
    if (ref.isLive) byHolder.set(ref.holder, [...(byHolder.get(ref.holder) ?? []), reference]);
    return reference;
  });
  return { all, entered, of: (holder, keyword) => byHolder.get(holder)?.find((ref) => ref.keyword === keyword) };
}

function remote({ text, place }: WrittenReference): Error {
  const shown = printable(text, 200);
  return schemaError("SCHEMA_REMOTE_REF", place, `a reference must stay within the schema, and nothing in it has the URI of "${shown}"`);
}

/** Undefined when it leads out of the document. */
function targetOf(ref: WrittenReference, scan: Scan): Target | undefined {
  const readings = ref.bases.map((base) => targetFrom(ref.text, base, scan));
  const [first, ...others] = readings.toSorted((a, b) => rank(a) - rank(b));
  const isDisputed = others.some((other) => other?.kind === "schema" && first?.kind === "schema" && other.value !== first.value);
  return first?.kind === "schema" ? { ...first, isDisputed } : first;
}

function rank(target: Target | undefined): number {
  return target === undefined ? 2 : target.kind === "lost" ? 1 : 0;
}

function targetFrom(text: string, base: string, scan: Scan): Target | undefined {
  if (text.length > longestUri && !text.startsWith("#")) return undefined;
  const { uri: reference, fragment = "" } = splitFragment(text);
  const uri = resolvedUri(reference, base);
  const resource = scan.names.find(uri);
  if (resource === undefined) return isMetaSchema(uri) ? { kind: "meta" } : undefined;
  const decoded = decodedFragment(fragment);
  const isPointer = decoded === "" || decoded.startsWith("/");
  const named = isPointer ? resource : scan.names.find(`${uri}#${decoded}`);
  if (named === "ambiguous" || resource === "ambiguous") return { kind: "lost", why: "more than one schema answers" };
  const name = `${uri === scan.rootUri ? "" : uri}#${decoded}`;
  if (named === undefined) return { kind: "lost", why: "nothing in the schema answers" };
  if (!isPointer || decoded === "") return { kind: "schema", value: named.value, place: named.place, name, isDisputed: false };
  const at = valueAt(named.value, decoded, scan);
  if (at === undefined) return { kind: "lost", why: "nothing in the schema answers" };
  const isSchema = typeof at.value === "boolean" || (isContainer(at.value) && !Array.isArray(at.value));
  if (!isSchema) return { kind: "lost", why: "what answers is neither an object nor a boolean, so no schema," };
  return { kind: "schema", value: at.value as object | boolean, place: at.place, name, isDisputed: false };
}

function valueAt(from: object, pointer: string, scan: Scan): { readonly value: unknown; readonly place: Place } | undefined {
  let value: unknown = from;
  let place = scan.placeOf(from);
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!isContainer(value) || !Object.hasOwn(value, key)) return undefined;
    const parent = value;
    value = Reflect.get(parent, key);
    place = isContainer(value) ? scan.placeOf(value) : stepInto(scan.placeOf(parent), "schema", key, Array.isArray(parent)).place;
  }
  return { value, place };
}

/**
 * Throws `invalid`, SCHEMA_INVALID, when a reference that can be reached from the document's root leads to nothing, or only
 * to itself, by way of others.
 */
export function requireSoundReferences(scan: Scan, references: References): void {
  const reached = reachedFrom(scan, references);
  for (const { target, holder, place, text, isLive } of references.all) {
    if (target.kind !== "lost" || !isLive || !reached.has(holder)) continue;
    throw schemaError("SCHEMA_INVALID", place, `${target.why} to the reference "${printable(text, 200)}"`);
  }
  const loop = loopAmong(reached, references);
  const [first] = loop;
  if (!first) return;
  const steps = loop.map(({ text }) => `"${printable(text, 40)}"`);
  const shown = steps.length > 6 ? [...steps.slice(0, 5), "…"] : steps;
  throw schemaError("SCHEMA_INVALID", first.place, `the references form a loop that leads to no schema: ${[...shown, steps[0]].join(" → ")}`);
}

/** The schemas that can be applied to a value or a part of it. Definitions are none by themselves. */
function reachedFrom({ root, schemas, maps }: Scan, references: References): ReadonlySet<object> {
  const reached = new Set<object>();
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (!isContainer(next) || reached.has(next)) continue;
    reached.add(next);
    for (const keyword of refKeywords) {
      const target = references.of(next, keyword)?.target;
      if (target?.kind === "schema") waiting.push(target.value);
    }
    for (const [key, inner] of Object.entries(next)) {
      if (!isContainer(inner) || key === "$defs" || key === "definitions") continue;
      // Of maps and lists, what they hold.
      if (schemas.has(inner)) waiting.push(inner);
      else if (maps.has(inner) || Array.isArray(inner)) waiting.push(...Object.values(inner).filter((part) => schemas.has(part)));
    }
  }
  return reached;
}

/** The first loop of `$ref`s and `allOf`s, as its references; empty when there is none. */
function loopAmong(reached: ReadonlySet<object>, references: References): readonly Reference[] {
  const done = new Set<object>();
  const path: Reference[] = [];
  const onPath = new Map<object, number>();
  for (const start of reached) {
    const loop = loopFrom(start);
    if (loop) return loop;
  }
  return [];

  function loopFrom(at: object): readonly Reference[] | undefined {
    const since = onPath.get(at);
    if (since !== undefined) return path.slice(since);
    if (done.has(at) || onPath.size > deepestChain) return undefined;
    onPath.set(at, path.length);
    const ref = references.of(at, "$ref");
    const target = ref?.target.kind === "schema" ? ref.target.value : undefined;
    let loop: readonly Reference[] | undefined;
    if (ref && typeof target === "object") {
      path.push(ref);
      loop = loopFrom(target);
      path.pop();
    }
    for (const part of loop ? [] : allOf(at)) loop ??= loopFrom(part);
    onPath.delete(at);
    done.add(at);
    return loop;
  }
}

/** Longer chains are left to the compilation, which has its own limits. */
const deepestChain = 2_000;

function allOf(schema: object): readonly object[] {
  const parts: unknown = Object.hasOwn(schema, "allOf") ? Reflect.get(schema, "allOf") : undefined;
  return Array.isArray(parts) ? parts.filter((part) => typeof part === "object" && part !== null) : [];
}
