/** The answers of a source that is read: what to ask for, what came, and what they do not reach. Pure. */
import { at } from "./json-pointer.ts";
import type { Poll } from "./types.ts";

/** Of a source without a cursor, where its URL says nothing else. */
const defaultLimit = 500;
const mostEvents = 5_000;
const longestCursor = 1_024;

/** What to ask for; without a cursor as much as there may be at once. */
export function pollUrl({ url, cursor }: Poll, value: string | undefined): URL {
  const target = new URL(url);
  if (!cursor && !target.searchParams.has("limit")) target.searchParams.set("limit", String(defaultLimit));
  if (cursor && value !== undefined) target.searchParams.set(cursor.param, value);
  return target;
}

/** A URL as it may be shown: without its query, which may have a secret. */
export function shownUrl({ url }: Poll): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

export interface Page {
  readonly items: readonly unknown[];
  /** The cursor that the answer has; undefined where it has none. */
  readonly next: string | undefined;
}

/** Reads a list, bare or as `events` or `data` of an object. Never throws, whatever the bytes. */
export function readPage({ cursor }: Poll, body: Uint8Array): Page | { readonly violation: string } {
  const json = jsonOf(body);
  if (json === undefined) return { violation: "the answer is not JSON in UTF-8" };
  const items = [json, at(json, "/events"), at(json, "/data")].find((value) => Array.isArray(value)) as readonly unknown[] | undefined;
  if (!items) return { violation: "the answer has no list of events: bare, or as events or data" };
  if (items.length > mostEvents) return { violation: `the answer has more than ${mostEvents} events` };
  const value = cursor && at(json, cursor.from);
  if (value === undefined || value === null || value === "") return { items, next: undefined };
  const next = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof next !== "string" || next.length > longestCursor || !next.isWellFormed()) {
    return { violation: `${cursor?.from} of the answer is no cursor: text of at most ${longestCursor} characters` };
  }
  return { items, next };
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/**
 * Whether there may be events that the answers of a source without a cursor do not reach. Its page is full: so when it begins with the
 * oldest and all are known, newer ones have no room; when it begins with the newest and none is known, there may be older ones since
 * the last time.
 */
export function isBeyondReach(poll: Poll, { items }: Page, newOnes: number, isFirst: boolean): boolean {
  if (poll.cursor || items.length !== Number(pollUrl(poll, undefined).searchParams.get("limit"))) return false;
  return isNewestFirst(items) ? newOnes === items.length && !isFirst : newOnes === 0;
}

function isNewestFirst(items: readonly unknown[]): boolean {
  const [first, last] = [items[0], items.at(-1)].map((item) => {
    const time = at(item, "/occurred_at");
    return typeof time === "string" ? Date.parse(time) : 0;
  });
  return (first ?? 0) > (last ?? 0);
}
