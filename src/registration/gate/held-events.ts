/** The events of a registration that waits for an approval. */
import type { ProgressEvent } from "../types.ts";
import type { Ask } from "./gate-records.ts";

/** The instance that waits, and for what. */
export type HeldInstance = Pick<Ask, "serviceId" | "approvalId" | "digest" | "generation" | "actor" | "requestHash">;

/** What an attempt that was held waits for, as its events say. */
export function heldOf(
  { serviceId, generation, actor, requestHash }: Omit<HeldInstance, "approvalId" | "digest">,
  events: readonly ProgressEvent[],
): HeldInstance {
  const { approval_id: approvalId = "", digest = "" } = events.findLast(({ type }) => type === "APPROVAL_REQUESTED")?.metadata ?? {};
  return { serviceId, generation, actor, requestHash, approvalId, digest };
}

/** The last two of an attempt that is held, numbered after the ones before. */
export function heldEvents(
  { serviceId, shown }: Pick<Ask, "serviceId" | "shown">,
  { attemptId, after, at }: { readonly attemptId: string; readonly after: number; readonly at: number },
): readonly ProgressEvent[] {
  return [
    { attemptId, sequence: after + 1, type: "APPROVAL_REQUESTED", at, message: waitsFor(shown), metadata: shown },
    {
      attemptId,
      sequence: after + 2,
      type: "COMPLETED",
      at,
      message: "the instance is not live yet: it goes live by itself when it is approved",
      serviceId,
      outcome: "PENDING_APPROVAL",
    },
  ];
}

/** All of a request that is answered from its ask. */
export function askedAgainEvents(ask: Pick<Ask, "serviceId" | "shown" | "address">, at: number): readonly ProgressEvent[] {
  const attemptId = "";
  return [
    { attemptId, sequence: 1, type: "STARTED", at, message: "registration started", serviceId: ask.serviceId },
    { attemptId, sequence: 2, type: "VALIDATED", at, message: "request is valid and the same as before", metadata: { check_address: ask.address } },
    ...heldEvents(ask, { attemptId, after: 2, at }),
  ];
}

export function waitsFor(shown: Ask["shown"]): string {
  const { approval_id: id = "", who_can_decide: who = "", changes_requested: changes = "" } = shown;
  const wanted = changes === "" ? "" : `; changes are requested by ${changes}`;
  return `waits for approval ${id}${who === "" ? "" : `: ${who} can decide`}${wanted}`;
}
