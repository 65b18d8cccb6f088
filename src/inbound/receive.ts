/**
 * The one way in. An event is written first, in the transaction of its effect, under a key that is unique by source and event: so
 * its vote is cast once, whoever delivers it, however often and wherever. A failure rolls that back and is written by a second
 * transaction, which never writes over a success.
 */
import { isRetryable, toDomainError, unavailable } from "../kernel/errors.ts";
import type { InboundDeps } from "./deps.ts";
import type { VoteEnd } from "./ports.ts";
import { readEvent } from "./read-event.ts";
import type { InboundTx, NewInbound } from "./records.ts";
import { firstPauseMs, retriedForMs, retryTask } from "./retry-task.ts";
import type { End, InboundEvent, InboundRecord, Source } from "./types.ts";

/** `already`: it was settled before, and this delivery changed nothing. */
export interface Received {
  readonly end: End;
  readonly already: boolean;
  /** It was parked by this. */
  readonly isParked?: boolean;
}

/** Who tries an event: its source, which delivers it; its task, or somebody, who read it here. */
type By = "source" | "task" | "hand";

/** Deliveries of one event at the same instant: the later ones find what the first has written. */
const collisions = 3;

class Failed extends Error {
  readonly end: End;
  constructor(end: End) {
    super(end.reason);
    this.end = end;
  }
}

class Collided extends Error {}

/**
 * Takes an event of a source. Rejects only with what passes, such as a store that is away: then nothing was taken, and the sender tries
 * again. What was skipped stays, too, unless it is tried by hand.
 */
export async function receive(deps: InboundDeps, source: Source, event: InboundEvent, by: By = "source"): Promise<Received> {
  const received = await take(deps, source, event, by);
  deps.meter.received(source.name, received.already ? "duplicate" : received.end.status);
  const { end, already } = received;
  const { status, reason, approvalId } = end;
  deps.log(status === "FAILED" ? "warn" : "info", "inbound.received", {
    source: source.name,
    event_id: event.id,
    status,
    reason,
    approval: approvalId,
    already,
  });
  if (received.isParked) reportParked(deps, source.name, event.id, end);
  return received;
}

function reportParked({ meter, log }: Pick<InboundDeps, "meter" | "log">, source: string, eventId: string, { reason, detail }: End): void {
  meter.parked(source);
  log("error", "inbound.parked", { source, event_id: eventId, reason, detail });
}

async function take(deps: InboundDeps, source: Source, event: InboundEvent, by: By): Promise<Received> {
  for (let tries = 1; ; tries++) {
    try {
      return await effect(deps, source, event, by);
    } catch (error) {
      if (error instanceof Collided && tries < collisions) continue;
      if (error instanceof Collided) throw unavailable("store", "the same event is being taken by another delivery");
      return fail({ deps, source, event, by }, failureOf(error));
    }
  }
}

/** The first transaction: the event and its effect. */
function effect(deps: InboundDeps, source: Source, event: InboundEvent, by: By): Promise<Received> {
  return deps.store.tx(async (tx) => {
    const there = await tx.inbound.find(source.name, event.id);
    if (there) return again(tx, there.id, { deps, source, event, by });
    const id = deps.ids.next();
    // Written first: whoever comes with the same event at this instant waits here, and does not vote.
    if (!(await tx.inbound.insert(rowOf(id, source, event, succeeded(undefined))))) throw new Collided();
    const end = await endOf(tx, deps, source, event, Number.POSITIVE_INFINITY);
    await tx.inbound.settle(id, end);
    return { end, already: false };
  });
}

interface Delivery {
  readonly deps: InboundDeps;
  readonly source: Source;
  readonly event: InboundEvent;
  readonly by: By;
}

/** What has failed is tried again by every delivery; what is settled stays. */
async function again(tx: InboundTx, id: string, { deps, source, event, by }: Delivery): Promise<Received> {
  const row = await tx.inbound.lock(id);
  if (!row) throw new Collided();
  if (isSettled(row, by) || !(await keepContent(tx, row, event, by))) return { end: row, already: true };
  const end = await endOf(tx, deps, source, event, row.receivedAt);
  await tx.inbound.settle(id, end);
  return { end, already: false };
}

/** What decides is what is kept: a source may mend an event that has failed. False when it did so after the event was read here. */
async function keepContent(tx: InboundTx, row: InboundRecord, { type: eventType, claimedActor, body }: InboundEvent, by: By): Promise<boolean> {
  if (body === row.body) return true;
  if (by !== "source") return false;
  await tx.inbound.replace(row.id, { eventType, claimedActor, body });
  return true;
}

/** Casts the vote. Throws Failed, so that nothing of it stays. */
async function endOf(tx: InboundTx, { cast }: InboundDeps, source: Source, event: InboundEvent, receivedAt: number): Promise<End> {
  const { decision } = event;
  if (!decision) return { status: "SKIPPED", reason: "UNKNOWN_TYPE", detail: `events of type ${event.type} decide nothing here`, approvalId: undefined };
  const { reason, occurredAt, ...rest } = decision;
  const { tenant, voter } = source;
  // An event cannot have happened after it came: so it never counts for a revision that came later still.
  const ended = await cast(tx, { ...rest, occurredAt: Math.min(occurredAt, receivedAt), tenant, voter, comment: commentOf(source, event, reason) });
  if (ended.is === "failed") throw new Failed({ status: "FAILED", reason: ended.reason, detail: ended.detail, approvalId: ended.approvalId });
  return ended.is === "cast" ? succeeded(ended.approvalId) : skipped(ended);
}

function commentOf({ name }: Source, { id, claimedActor }: InboundEvent, reason: string): string {
  const facts = `event ${id} of ${name}${claimedActor === "" ? "" : `, which names ${claimedActor}`}`;
  return reason === "" ? facts : `${reason} (${facts})`;
}

function succeeded(approvalId: string | undefined): End {
  return { status: "SUCCEEDED", reason: "", detail: "", approvalId };
}

function skipped({ reason, detail, approvalId }: Extract<VoteEnd, { is: "skipped" }>): End {
  return { status: "SKIPPED", reason, detail, approvalId };
}

/** The failure to write; throws what the sender is to try again. */
function failureOf(thrown: unknown): End {
  if (thrown instanceof Failed) return thrown.end;
  const error = toDomainError(thrown);
  if (isRetryable(error) || error.kind === "timeout" || error.kind === "cancelled") throw thrown;
  return { status: "FAILED", reason: error.reason, detail: error.message, approvalId: undefined };
}

/** The second transaction: a failure, which never replaces what was settled meanwhile. */
async function fail({ deps: { store, ids }, source, event, by }: Delivery, end: End): Promise<Received> {
  return store.tx(async (tx): Promise<Received> => {
    const there = await tx.inbound.find(source.name, event.id);
    if (there) return failAgain(tx, there.id, end, by, event);
    const id = ids.next();
    if (!(await tx.inbound.insert(rowOf(id, source, event, end)))) throw unavailable("store", "the same event is being taken by another delivery");
    await tx.inbound.settle(id, end);
    await tx.tasks.insert(retryTask, { id: ids.next(), payload: { id }, dueInMs: firstPauseMs });
    return { end, already: false };
  });
}

/**
 * One more failure of an event that is kept. What is settled stays so; one that has failed for an hour is parked by its task, and one
 * that was skipped by whoever tries it by hand: no task tries it again.
 */
async function failAgain(tx: InboundTx, id: string, failure: End, by: By, event?: InboundEvent): Promise<Received> {
  const row = await tx.inbound.lock(id);
  if (!row || isSettled(row, by) || (event && !(await keepContent(tx, row, event, by)))) return { end: row ?? failure, already: true };
  const isParked = row.status === "SKIPPED" || (row.status === "FAILED" && by === "task" && row.now >= row.receivedAt + retriedForMs);
  const end: End = { ...failure, status: isParked ? "PARKED" : row.status };
  await tx.inbound.settle(id, end);
  return { end, already: false, isParked };
}

function isSettled({ status }: InboundRecord, by: By): boolean {
  return status === "SUCCEEDED" || (status === "SKIPPED" && by !== "hand");
}

function rowOf(id: string, { name, tenant }: Source, { id: eventId, type, claimedActor, body }: InboundEvent, end: End): NewInbound {
  return { id, source: name, eventId, tenant, eventType: type, claimedActor, body, ...end };
}

/** Keeps what a source has and what cannot be read as an event: parked, so that somebody sees it, and once. Rejects as `receive`. */
export async function keepUnreadable(
  deps: InboundDeps,
  source: Source,
  { id: eventId, type, body }: Pick<InboundEvent, "id" | "type" | "body">,
  detail: string,
): Promise<void> {
  const end: End = { status: "PARKED", reason: "UNREADABLE", detail, approvalId: undefined };
  const isNew = await deps.store.tx(async (tx) => {
    const id = deps.ids.next();
    if (!(await tx.inbound.insert(rowOf(id, source, { id: eventId, type, claimedActor: "", decision: undefined, body }, end)))) return false;
    await tx.inbound.settle(id, end);
    return true;
  });
  if (isNew) reportParked(deps, source.name, eventId, end);
}

/** One more try of an event that is kept, by what its source is configured as now. Rejects as `receive`. */
export async function receiveAgain(
  deps: InboundDeps,
  { id, source: name, eventId, body }: Pick<InboundRecord, "id" | "source" | "eventId" | "body">,
  by: Exclude<By, "source">,
): Promise<void> {
  const source = deps.sources().find((one) => one.name === name);
  const read = source && readEvent(source, body);
  if (source && read && "event" in read) return void (await receive(deps, source, read.event, by));
  const detail = read && "message" in read ? read.message : "it is not configured any more";
  const end: End = { status: "FAILED", reason: read ? "UNREADABLE" : "SOURCE_UNKNOWN", detail, approvalId: undefined };
  const received = await deps.store.tx((tx) => failAgain(tx, id, end, by));
  deps.meter.received(name, received.already ? "duplicate" : received.end.status);
  if (received.isParked) reportParked(deps, name, eventId, received.end);
}
