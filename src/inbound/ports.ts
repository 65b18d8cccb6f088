/** What events from outside use of the rest of the process. */
import type { CoreTx } from "../kernel/records.ts";
import type { Decision, Voter } from "./types.ts";

export interface InboundVote extends Omit<Decision, "reason"> {
  readonly tenant: string;
  readonly voter: Voter;
  readonly comment: string;
}

/** What came of a vote. */
export type VoteEnd =
  | { readonly is: "cast"; readonly approvalId: string }
  /** There is nothing to do, now or later. */
  | { readonly is: "skipped"; readonly reason: string; readonly detail: string; readonly approvalId: string }
  /** It may succeed later. */
  | { readonly is: "failed"; readonly reason: string; readonly detail: string; readonly approvalId: string | undefined };

/**
 * A GET to Amazon SNS, or to the emulator of it at this address. Resolves to the body of an answer 200; undefined when SNS refuses, or
 * answers what no certificate and no confirmation is. Rejects with `unavailable` when it gives no answer, or not now.
 */
export type AskSns = (url: string, emulator: string | undefined) => Promise<string | undefined>;

/** Casts a vote in an open transaction, which is to be rolled back when the vote has failed. */
export type CastVote = (tx: CoreTx, vote: InboundVote) => Promise<VoteEnd>;

/** What came of asking a source. */
export type SourceAnswer =
  | { readonly is: "answered"; readonly status: number; readonly body: Uint8Array; readonly retryAfter: string }
  /** `denied`: its address may not be dialled. The text has no secret. */
  | { readonly is: "unanswered" | "denied"; readonly error: string };

export interface SourceClient {
  /** A GET. Rejects with the signal's reason alone. */
  get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<SourceAnswer>;
}
