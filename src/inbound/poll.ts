/**
 * Reads a source: asks for its events, takes them one by one as if it had sent them (`receive.ts`), then moves its cursor.
 *
 * Guarantees: one replica at a time reads a source (a named lease), and the round that began last moves its cursor, so that a replica
 * that was suspended can only repeat. The cursor moves after all events of its page were taken; what has failed is kept and tried
 * again by its task, what cannot be read is kept and parked: neither holds up the others. Events that are known cost one read.
 */
import { canonicalJson, sha256 } from "../kernel/canonical-json.ts";
import { refusedWith } from "../kernel/http-status.ts";
import { retryAfterMs, spread } from "../kernel/pauses.ts";
import type { InboundDeps } from "./deps.ts";
import type { PollResult } from "./metrics.ts";
import { isBeyondReach, pollUrl, readPage, shownUrl } from "./poll-page.ts";
import type { SourceAnswer, SourceClient } from "./ports.ts";
import { isIdentifier, readEvent } from "./read-event.ts";
import { keepUnreadable, receive } from "./receive.ts";
import type { PollState, PollStateNow } from "./records.ts";
import type { InboundEvent, Poll, Source } from "./types.ts";

export interface PollDeps extends InboundDeps {
  readonly client: SourceClient;
  /** This process; leases are held in its name. */
  readonly owner: string;
}

export type PolledSource = Source & { readonly poll: Poll };

export function isPolled(source: Source): source is PolledSource {
  return source.poll !== undefined;
}

export function pollLease(source: string): string {
  return `inbound-poll/${source}`;
}

/** Longer than a request, so that it is renewed between two of them. */
const leaseMs = 30_000;
/** A round reads no further page later than this. */
const runMs = 15_000;
const longestPauseMs = 300_000;
const mostRetryAfterMs = 3_600_000;
/** What an answer says to a cursor that is not known there any more. */
const gone = 410;

/**
 * One round, unless it is too early for one by what is kept of the source. Resolves to when the next one is due, in milliseconds. Rejects
 * while the store is away, and with the signal's reason.
 */
export async function pollOnce(deps: PollDeps, source: PolledSource, signal: AbortSignal, mayBeEarly = false): Promise<number> {
  const begun = await begin(deps, source, mayBeEarly);
  if (typeof begun === "number") return begun;
  let state: PollStateNow = begun;
  const startedAt = deps.clock.now();
  const pages = new Set<string>();
  for (;;) {
    const hold = holder(deps, source);
    const end = await readOnce(deps, source, state, { hold, signal, pages });
    const settled: PollStateNow | undefined = end && (await settle(deps, source, state, end));
    if (!end || !settled) return untilAnotherLook(source.poll);
    report(deps, source, state, settled, end);
    const isOver = !("more" in end && end.more) || deps.clock.now() - startedAt >= runMs || !(await hold(true));
    if (isOver) return Math.max(settled.dueAt - settled.now, 0);
    state = settled;
  }
}

/** Another replica reads: its lease may end before it is done. */
function untilAnotherLook({ everyMs }: Poll): number {
  return Math.min(everyMs, leaseMs);
}

/** The state, as of a round of its own; or the milliseconds until one is due here. */
async function begin({ store, owner }: PollDeps, { name, poll }: PolledSource, mayBeEarly: boolean): Promise<PollStateNow | number> {
  return store.tx(async (tx) => {
    if (!(await tx.leases.acquire(pollLease(name), owner, leaseMs))) return untilAnotherLook(poll);
    const state = await tx.inboundPolls.lock(name, sha256(canonicalJson([poll.url, poll.cursor ?? null])));
    if (state.dueAt > state.now && !mayBeEarly) return Math.min(state.dueAt - state.now, poll.everyMs);
    const begun = { ...state, run: state.run + 1 };
    await tx.inboundPolls.save(begun);
    return begun;
  });
}

/** Renews the lease when it is time, or always; false when another has it. */
function holder({ store, clock, owner }: PollDeps, { name }: Source): (always?: boolean) => Promise<boolean> {
  let heldAt = clock.now();
  return async (always = false) => {
    if (!always && clock.now() - heldAt < leaseMs / 3) return true;
    heldAt = clock.now();
    return store.tx((tx) => tx.leases.acquire(pollLease(name), owner, leaseMs));
  };
}

/** What one request brought. */
type PollEnd =
  | {
      readonly result: "ok";
      readonly cursor: string | undefined;
      readonly isStarved: boolean;
      readonly events: number;
      readonly taken: number;
      readonly more: boolean;
    }
  | { readonly result: Exclude<PollResult, "ok">; readonly error: string; readonly retryAfter: string; readonly cursor: string | undefined };

interface Held {
  readonly hold: () => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Those that this round has read, each by its events. */
  readonly pages: Set<string>;
}

/** Undefined when another replica reads the source by now. */
async function readOnce(deps: PollDeps, source: PolledSource, state: PollState, { hold, signal, pages }: Held): Promise<PollEnd | undefined> {
  const { poll } = source;
  const answer = await deps.client.get(pollUrl(poll, state.cursor), poll.headers, signal);
  const failed = (
    result: Exclude<PollResult, "ok">,
    error: string,
    more: { readonly retryAfter?: string; readonly cursor?: string | undefined } = {},
  ): PollEnd => ({
    result,
    error,
    retryAfter: "",
    cursor: state.cursor,
    ...more,
  });
  if (answer.is !== "answered") return failed(answer.is, answer.error);
  if (answer.status !== 200) {
    const isForgotten = answer.status === gone && state.cursor !== undefined;
    return failed("refused", isForgotten ? "HTTP 410: the cursor is not known there any more; it is read from its beginning" : refusalText(answer), {
      retryAfter: answer.retryAfter,
      cursor: isForgotten ? undefined : state.cursor,
    });
  }
  const page = readPage(poll, answer.body);
  if ("violation" in page) return failed("unreadable", page.violation);
  const found = page.items.map((item) => itemOf(source, item));
  const known = await deps.store.tx((tx) =>
    tx.inbound.known(
      source.name,
      found.map(({ id }) => id),
    ),
  );
  const fresh = found.filter(({ id }) => !known.has(id));
  for (const item of fresh) {
    signal.throwIfAborted();
    if (!(await hold())) return undefined;
    if ("event" in item) await receive(deps, source, item.event);
    else await keepUnreadable(deps, source, item, item.message);
  }
  const isStarved = isBeyondReach(poll, page, fresh.length, state.succeededAt === undefined);
  const read = sha256(canonicalJson(found.map(({ id }) => id)));
  // A source that takes no notice of its cursor would be asked without a pause.
  const more = page.next !== undefined && page.next !== state.cursor && found.length > 0 && !pages.has(read);
  pages.add(read);
  return { result: "ok", cursor: page.next ?? state.cursor, isStarved, events: found.length, taken: fresh.length, more };
}

function refusalText({ status }: Extract<SourceAnswer, { is: "answered" }>): string {
  if (status === 401 || status === 403) return `HTTP ${status}: the key is not accepted`;
  return refusedWith(status);
}

type Item =
  | { readonly id: string; readonly event: InboundEvent }
  | { readonly id: string; readonly type: string; readonly body: string; readonly message: string };

const mostBytes = 262_144;
/** What is nested some thousand levels deep can be read, but not written again. */
const mostLevels = 200;

/** An event, or what cannot be read as one: known by its id all the same, or else by its content. */
function itemOf(source: Source, json: unknown): Item {
  const isDeep = isDeeper(json, mostLevels);
  const body = isDeep ? topOf(json) : JSON.stringify(json);
  const isLarge = Buffer.byteLength(body) > mostBytes;
  const wrong = isDeep ? `it is nested more than ${mostLevels} levels deep` : isLarge ? `it has more than ${mostBytes} bytes` : undefined;
  const read = wrong === undefined ? readEvent(source, body) : { message: wrong };
  if ("event" in read) return { id: read.event.id, event: read.event };
  const { event_id: id, event_type: type } = (json ?? {}) as { readonly event_id?: unknown; readonly event_type?: unknown };
  const kept = isLarge ? body.slice(0, 1_024).toWellFormed() : body;
  return { id: isIdentifier(id) ? id : `sha256:${sha256(body)}`, type: isIdentifier(type) ? type : "unknown", body: kept, message: read.message };
}

function isDeeper(json: unknown, levels: number): boolean {
  return typeof json === "object" && json !== null && (levels === 0 || Object.values(json).some((value) => isDeeper(value, levels - 1)));
}

/** A document without what is inside its members; as text that is no document, so that it is not taken for the whole. */
function topOf(json: unknown): string {
  return `${JSON.stringify(json, (_name, value: unknown) => (value !== json && typeof value === "object" ? null : value))}…`;
}

/** Writes what came of it, unless a later round has begun. */
async function settle({ store }: PollDeps, { name, poll }: PolledSource, begun: PollState, end: PollEnd): Promise<PollStateNow | undefined> {
  return store.tx(async (tx) => {
    const current = await tx.inboundPolls.lock(name, begun.place);
    if (current.run !== begun.run) return undefined;
    const { now } = current;
    const failures = end.result === "ok" ? 0 : current.failures + 1;
    const settled = {
      ...current,
      failures,
      cursor: end.cursor,
      dueAt: now + ("more" in end ? (end.more ? 0 : poll.everyMs) : pauseMs(failures, poll.everyMs, `${name} ${current.run}`, end.retryAfter, now)),
      ...(end.result === "ok" ? { succeededAt: now, isStarved: end.isStarved } : { failedAt: now, error: end.error }),
    };
    await tx.inboundPolls.save(settled);
    return settled;
  });
}

/** After so many failures in a row: twice as long each time, up to five minutes, and not shorter than `Retry-After` says, up to an hour. */
export function pauseMs(failures: number, everyMs: number, text: string, retryAfter: string, now: number): number {
  const pause = Math.min(everyMs * 2 ** Math.min(failures, 20), Math.max(longestPauseMs, everyMs));
  return Math.round(Math.max(spread(pause, text), Math.min(retryAfterMs(retryAfter, now), mostRetryAfterMs)));
}

/** After the commit. What changes is said once. */
function report({ meter, log }: PollDeps, source: PolledSource, before: PollState, after: PollState, end: PollEnd): void {
  const facts = { source: source.name, url: shownUrl(source.poll) };
  meter.polled(source.name, end.result);
  if (end.result === "ok") {
    if (before.failures > 0) log("info", "inbound.poll-recovered", { ...facts, failures: before.failures });
    log("debug", "inbound.polled", { ...facts, events: end.events, new: end.taken });
  } else if (before.failures === 0 || before.error !== end.error) {
    log("error", "inbound.poll-failed", { ...facts, result: end.result, error: end.error });
  }
  if (before.isStarved === after.isStarved) return;
  if (after.isStarved) log("error", "inbound.poll-starved", { ...facts, why: "its page is full: there may be events that it does not reach" });
  else log("info", "inbound.poll-reaches", { ...facts });
}
