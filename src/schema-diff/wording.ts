/** Descriptions of changes, one line each. */
import { printable } from "../kernel/log.ts";
import type { Failure } from "./rule.ts";
import { type JsonValue, canonical, listOf } from "./json.ts";

/** What `wording` needs to know of a change. */
export interface WordedChange {
  readonly pointer: string;
  readonly keyword: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  readonly topic: Failure["topic"];
  readonly because: string | undefined;
  /** It is reported for values that are accepted now, not for refused ones. */
  readonly widens: boolean;
}

export function wording(change: WordedChange): string {
  const reason = change.because === undefined ? "" : `: ${change.because}`;
  return `${topicWording(change) ?? keywordWording(change)}${reason}`;
}

/** A value as short JSON. */
export function short(value: JsonValue): string {
  return printable(JSON.stringify(value), 60);
}

function topicWording({ pointer, keyword, before, after, topic, widens }: WordedChange): string | undefined {
  const subject = subjectOf(pointer, keyword);
  if (topic === "undecided") return "not compared";
  if (topic === "forbidden") return widens ? `${subject} can be given now` : `${subject} is refused now`;
  if (topic !== "restricted") return undefined;
  if (widens) return before === false ? `${subject} can be given now` : `${subject} can be anything now`;
  return after === false ? `${subject} was free and is refused now` : `${subject} could be anything before and must match ${short(after ?? true)} now`;
}

function keywordWording({ pointer, keyword, before, after, widens, because }: WordedChange): string {
  if (after === false || before === false) {
    const [was, is] = [before === false, after === false];
    if (was !== is && isSchemaPlace(keyword)) return `${subjectOf(pointer, keyword)} ${is ? "is refused now" : "can be given now"}`;
  }
  if (lists.has(keyword) && before !== undefined && after !== undefined) return listWording(keyword, items(before), items(after));
  if (keyword === "required") return widens ? `no longer requires ${enumerated(items(before))}` : `requires ${enumerated(items(after))} now`;
  if (before === undefined && after === undefined) return `${keyword || "the schema"} differs`;
  if (before === undefined) return `${keyword} ${short(after ?? null)} is new`;
  if (after === undefined) return `${keyword} ${short(before)} is gone`;
  if (canonical(before) !== canonical(after)) return `${keyword} ${short(before)} became ${short(after)}`;
  if (because !== undefined) return `${keyword} ${short(after)} may concern other values`;
  return `${keyword} ${short(after)} concerns ${widens ? "fewer" : "more"} values`;
}

const lists = new Set(["type", "enum", "required"]);

function listWording(keyword: string, before: readonly JsonValue[], after: readonly JsonValue[]): string {
  const [lost, gained] = [without(before, after), without(after, before)];
  const verbs = keyword === "required" ? ["no longer requires", "now requires"] : ["no longer accepts", "now accepts"];
  const parts = [lost.length > 0 ? `${verbs[0]} ${enumerated(lost)}` : "", gained.length > 0 ? `${verbs[1]} ${enumerated(gained)}` : ""];
  const change = parts.filter((part) => part !== "").join(", ") || "is the same, but concerns other values";
  return keyword === "required" && lost.length + gained.length > 0 ? change : `${keyword} ${change}`;
}

function subjectOf(pointer: string, keyword: string): string {
  const name = printable((pointer.split("/").at(-1) ?? "").replaceAll("~1", "/").replaceAll("~0", "~"), 60);
  if (keyword === "properties") return `property "${name}"`;
  if (keyword === "patternProperties") return `a property whose name matches "${name}"`;
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") return "a property that is not listed";
  if (/items$/i.test(keyword)) return /^\d+$/.test(name) ? `item ${name}` : "an item";
  return keyword === "" ? "the value" : `what ${keyword} concerns`;
}

function isSchemaPlace(keyword: string): boolean {
  return keyword === "" || keyword === "properties" || keyword === "patternProperties" || /items$|properties$/i.test(keyword);
}

function items(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? listOf(value) : value === undefined ? [] : [value];
}

function without(all: readonly JsonValue[], some: readonly JsonValue[]): readonly JsonValue[] {
  const left = new Set(some.map(canonical));
  return all.filter((value) => !left.has(canonical(value)));
}

function enumerated(values: readonly JsonValue[]): string {
  const shown = values.slice(0, 5).map(short).join(", ");
  return values.length > 5 ? `${shown} and ${values.length - 5} more` : shown;
}
