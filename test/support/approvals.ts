/** People who ask for approval and decide, each as a stock gRPC client of an open Muster. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ApprovalService,
  Verdict,
  type Approval,
  type ApprovalEvent,
  type CreateApprovalRequestSchema,
  type VoteItemSchema,
} from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { connect, type MusterClient } from "./client.ts";

const { createApproval, getApproval, vote, watchApproval } = ApprovalService.method;
const { putPolicy, activatePolicy } = PolicyService.method;

export interface Claims {
  readonly groups?: string;
  readonly roles?: string;
}

/** A client that names itself. */
export function person(address: string, name: string, { groups, roles }: Claims = {}): MusterClient {
  const metadata = { "muster-principal": name, ...(groups ? { "muster-groups": groups } : {}), ...(roles ? { "muster-roles": roles } : {}) };
  return connect(address, { metadata });
}

/** Puts a policy and makes it the active one; its version. */
export async function usePolicy(admin: MusterClient, document: string): Promise<number> {
  const { policy } = await admin.unary(putPolicy, { document });
  const { key = "", version = 0 } = policy ?? {};
  await admin.unary(activatePolicy, { key, version });
  return version;
}

export async function ask(client: MusterClient, request: MessageInitShape<typeof CreateApprovalRequestSchema>): Promise<Approval> {
  return present((await client.unary(createApproval, request)).approval);
}

export async function get(client: MusterClient, id: string): Promise<Approval> {
  return present((await client.unary(getApproval, { id })).approval);
}

/** The result of one vote, by default an approval of the content as it is. */
export async function decide(client: MusterClient, { id, subject }: Pick<Approval, "id" | "subject">, item: MessageInitShape<typeof VoteItemSchema> = {}) {
  const { results } = await client.unary(vote, { items: [{ approvalId: id, digest: subject?.digest ?? "", verdict: Verdict.APPROVE, ...item }] });
  return present(results[0]);
}

/** The events of a request until its decision. */
export async function eventsUntilDecided(client: MusterClient, id: string, afterSequence = 0n): Promise<readonly ApprovalEvent[]> {
  const { messages, status } = await client.stream(watchApproval, { id, afterSequence, waitForDecision: true });
  if (status.code !== 0) throw new Error(`the watch ended with ${status.code}: ${status.message}`);
  return messages.flatMap(({ item }) => (item.case === "event" ? [item.value] : []));
}

/** The events that a request has now. */
export async function eventsSoFar(client: MusterClient, id: string): Promise<readonly ApprovalEvent[]> {
  const { sequence } = await get(client, id);
  const events: ApprovalEvent[] = [];
  await client.stream(watchApproval, { id }, ({ item }) => {
    if (item.case === "event") events.push(item.value);
    return BigInt(events.length) < sequence;
  });
  return events;
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is always set");
  return value;
}
