/**
 * Sends one endpoint the events of one request, in order, from its cursor on.
 *
 * Guarantees: every event of the filter is sent at least once, or listed as given up; no event is sent before an earlier one was
 * answered with 2xx or given up. After the second failure of an event a final one overtakes it. Nothing is sent before the time that
 * the last answer asked for (Retry-After) is over. Two runs at once, as of a replica
 * that was suspended, can only repeat events: the run that began last moves the cursor.
 */
import type { Again } from "../kernel/task-kind.ts";
import { serverKey } from "../kernel/caller.ts";
import { attempt, heldBack, withAttempt, type Attempted, type Ready } from "./attempt.ts";
import { bodyOf, eventIdOf } from "./body.ts";
import type { WebhookDeps } from "./deps.ts";
import { endpointSubject } from "./errors.ts";
import { fits } from "./filter.ts";
import { triesBeforeOvertaken } from "./note.ts";
import type { Notice } from "./ports.ts";
import type { WebhookTx } from "./records.ts";
import { askedMs, pauseMs } from "./schedule.ts";
import type { Cursor, Delivery, Endpoint } from "./types.ts";

/** A run begins no attempt later than this. */
export const runMs = 5_000;

type Series = { readonly endpointId: string; readonly approvalId: string; readonly taskId: string };
type Locked = Cursor & { readonly now: number };

interface ReadyEvent extends Ready {
  readonly cursor: Locked;
  readonly notice: Notice;
}

/** The next event is ready, or not yet, or there is none. */
type Begun = ReadyEvent | Again | undefined;

/** Runs until everything is sent, or says when to go on. */
export async function runSeries(deps: WebhookDeps, series: Series, signal: AbortSignal): Promise<Again | void> {
  const begunAt = deps.clock.now();
  while (deps.clock.now() - begunAt < runMs) {
    const turn = await deps.places.take(series.endpointId, signal);
    if (typeof turn === "object" && "inMs" in turn) return { againInMs: turn.inMs };
    let end: Attempted | undefined;
    try {
      let givenUp = 0;
      const begun = await deps.store.tx((tx) => {
        givenUp = 0;
        return begin(tx, deps, series, (count) => (givenUp += count));
      });
      if (givenUp > 0) deps.meter.gaveUp(givenUp);
      if (begun === undefined || "againInMs" in begun) return begun;
      end = turn === "silent" ? heldBack(deps) : await attempt(deps, begun, false, signal);
      const ended = await settle(deps, begun, end);
      if (ended !== "go on") return ended;
    } finally {
      if (typeof turn === "object") turn.place.end(end && end.result !== "DENIED" ? end.result === "UNANSWERED" : undefined);
    }
  }
  return { againInMs: 0 };
}

async function begin(tx: WebhookTx, deps: WebhookDeps, { endpointId, approvalId, taskId }: Series, onGivenUp: (count: number) => void): Promise<Begun> {
  const cursor = await tx.webhookCursors.lock(endpointId, approvalId);
  if (cursor?.taskId !== taskId) return undefined;
  if (cursor.dueAt > cursor.now) return { againInMs: cursor.dueAt - cursor.now };
  const endpoint = await tx.webhookEndpoints.find(cursor.tenant, endpointId);
  const notices = endpoint ? (await deps.source.read(tx, approvalId, cursor.acked, cursor.wanted)).filter((notice) => fits(endpoint, notice)) : [];
  if (!endpoint || endpoint.disabled || notices.length === 0) {
    if (endpoint?.disabled) onGivenUp(await giveUp(tx, deps, endpoint, cursor, notices, "the endpoint is disabled"));
    return (await tx.webhookCursors.finish(cursor)) ? undefined : { againInMs: 0 };
  }
  const notice = nextOf(notices, cursor.tries) as Notice;
  const passed = notices.slice(0, notices.indexOf(notice));
  const leaveUntil = passed[0] ? leaveUntilOf(await open(tx, deps, endpoint, cursor, passed[0])) : 0;
  if (leaveUntil > cursor.now) {
    await tx.webhookCursors.move({ ...cursor, dueAt: leaveUntil });
    return { againInMs: leaveUntil - cursor.now };
  }
  onGivenUp(await giveUp(tx, deps, endpoint, cursor, passed, `overtaken by ${notice.type}`));
  const moved = { ...cursor, run: cursor.run + 1, acked: notice.sequence - 1, tries: passed.length > 0 ? 0 : cursor.tries };
  await tx.webhookCursors.move(moved);
  const secrets = endpoint.secretId === undefined ? [] : await tx.webhookSecrets.values(endpoint.tenant, endpoint.secretId);
  const traceparent = await deps.source.traceOf(tx, approvalId, notice.sequence);
  return { cursor: moved, endpoint, notice, secrets, traceparent, delivery: await open(tx, deps, endpoint, cursor, notice) };
}

/** The first one, or a final one that overtakes it. */
function nextOf(notices: readonly Notice[], tries: number): Notice | undefined {
  const final = tries >= triesBeforeOvertaken ? notices.find(({ isFinal }) => isFinal) : undefined;
  return final ?? notices[0];
}

async function open(tx: WebhookTx, { ids }: Pick<WebhookDeps, "ids">, { id, tenant }: Endpoint, { approvalId, now }: Locked, notice: Notice) {
  const { sequence, type } = notice;
  const begun = await tx.webhookDeliveries.begin({
    id: ids.next(),
    tenant,
    endpointId: id,
    approvalId,
    sequence,
    eventId: eventIdOf(approvalId, sequence),
    eventType: type,
    state: "PENDING",
    detail: "",
    body: bodyOf(approvalId, notice),
    createdAt: now,
    nextAt: undefined,
  });
  return { ...begun, state: "PENDING", detail: "", nextAt: undefined } as const;
}

/** Until when the last answer to this delivery in order asks to be left alone; 0 when it does not. */
function leaveUntilOf({ attempts }: Delivery): number {
  return attempts.findLast(({ isManual }) => !isManual)?.leaveUntil ?? 0;
}

async function giveUp(tx: WebhookTx, deps: WebhookDeps, endpoint: Endpoint, cursor: Locked, notices: readonly Notice[], detail: string): Promise<number> {
  for (const notice of notices) {
    const delivery = await open(tx, deps, endpoint, cursor, notice);
    await tx.webhookDeliveries.update({ ...delivery, state: "GIVEN_UP", detail });
  }
  return notices.length;
}

/** What follows an attempt: when to go on, or that everything was sent. */
interface Settled {
  readonly next: Again | "go on" | "done";
  readonly isGivenUp: boolean;
  /** It was not delivered before, as by hand, or before a replay. */
  readonly isFirst: boolean;
  /** The endpoint was disabled by it. */
  readonly isDisabled: boolean;
}

/** Records an attempt and moves the cursor, unless a later run has it. */
async function settle(deps: WebhookDeps, begun: ReadyEvent, end: Attempted): Promise<Again | "go on" | undefined> {
  const settled = await deps.store.tx(async (tx): Promise<Settled | undefined> => {
    const current = await tx.webhookCursors.lock(begun.cursor.endpointId, begun.cursor.approvalId);
    if (current?.run !== begun.cursor.run || current.taskId !== begun.cursor.taskId) return undefined;
    const { endpoint, notice } = begun;
    const leaveMs = end.result === "DELIVERED" ? 0 : askedMs(end.retryAfter, current.now);
    // Somebody may have sent it by hand meanwhile.
    const there = (await tx.webhookDeliveries.lock(begun.delivery.id)) ?? begun.delivery;
    const delivery = withAttempt(there, end, leaveMs > 0 ? current.now + leaveMs : undefined);
    const tries = begun.cursor.tries + 1;
    const gone = end.isGone ? await disable(tx, endpoint, current.now) : "not";
    const said = { isFirst: there.state !== "DELIVERED", isDisabled: gone === "now" };
    const isOver = end.result === "DELIVERED" || gone !== "not";
    const pause = isOver ? undefined : pauseMs(tries, delivery.eventId, end.retryAfter, current.now);
    if (pause !== undefined) {
      const isOvertaken = tries >= triesBeforeOvertaken && (await hasFinalLater(tx, deps, begun, current.wanted));
      const inMs = isOvertaken ? leaveMs : pause;
      const dueAt = current.now + inMs;
      await tx.webhookDeliveries.update({ ...delivery, state: "PENDING", detail: "", nextAt: dueAt });
      await tx.webhookCursors.move({ ...current, tries, dueAt });
      return { ...said, next: after(inMs), isGivenUp: false };
    }
    const isGivenUp = end.result !== "DELIVERED";
    const detail = gone !== "not" ? "the endpoint is gone: it answered 410" : `failed ${tries} times`;
    await tx.webhookDeliveries.update({ ...delivery, nextAt: undefined, ...(isGivenUp ? { state: "GIVEN_UP", detail } : { state: "DELIVERED", detail: "" }) });
    if (current.wanted === notice.sequence && (await tx.webhookCursors.finish(current))) return { ...said, next: "done", isGivenUp };
    await tx.webhookCursors.move({ ...current, acked: notice.sequence, tries: 0, dueAt: current.now + leaveMs });
    return { ...said, next: after(leaveMs), isGivenUp };
  });
  if (settled === undefined) return undefined;
  report(deps, begun, end, settled);
  return settled.next === "done" ? undefined : settled.next;
}

function after(inMs: number): Again | "go on" {
  return inMs > 0 ? { againInMs: inMs } : "go on";
}

async function hasFinalLater(tx: WebhookTx, { source }: WebhookDeps, { endpoint, notice, cursor }: ReadyEvent, wanted: number): Promise<boolean> {
  if (notice.isFinal) return false;
  const later = await source.read(tx, cursor.approvalId, notice.sequence, wanted);
  return later.some((one) => one.isFinal && fits(endpoint, one));
}

/** Disables the endpoint that answered, unless it is elsewhere by now; says when it was disabled. */
async function disable(tx: WebhookTx, { tenant, id, url }: Endpoint, at: number): Promise<"now" | "before" | "not"> {
  const endpoint = await tx.webhookEndpoints.lock(tenant, id);
  if (!endpoint || endpoint.url !== url) return "not";
  if (endpoint.disabled) return "before";
  await tx.webhookEndpoints.update({ ...endpoint, disabled: { at, why: "it answered 410: it is gone" } });
  await tx.audit.append({ subject: endpointSubject(id), at, actor: serverKey, action: "WEBHOOK_DISABLED", detail: { tenant, why: "410" } });
  return "now";
}

/** After the commit. Neither URL nor body nor answer is logged: they may have secrets. */
function report(
  { meter, log, clock }: WebhookDeps,
  { delivery, notice, endpoint }: ReadyEvent,
  end: Attempted,
  { isGivenUp, isFirst, isDisabled }: Settled,
): void {
  const { id, tenant } = endpoint;
  const facts = { endpoint: id, tenant, delivery: delivery.id, event_id: delivery.eventId };
  if (end.result === "DELIVERED") {
    if (isFirst) meter.delivered(clock.now() - notice.at);
    log("debug", "webhook.delivered", facts);
    return;
  }
  log("warn", "webhook.failed", { ...facts, result: end.result, status: end.status, error: end.error });
  if (isGivenUp) meter.gaveUp(1);
  if (!isDisabled) return;
  meter.disabled();
  log("error", "webhook.disabled", { endpoint: id, tenant, why: "it answered 410" });
}
