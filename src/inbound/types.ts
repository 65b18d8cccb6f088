/** The vocabulary of decisions that come in as events. Plain data; times are epoch milliseconds. */
import type { SecretValues } from "../kernel/signed-body.ts";

/** A system outside that decides. */
export interface Source {
  readonly name: string;
  readonly tenant: string;
  /** The values that may sign its events; with none, and not unsigned, nothing that is delivered in its name is taken. */
  readonly secrets: SecretValues;
  /** What it sends needs no signature. */
  readonly isUnsigned: boolean;
  /** ARNs of the topics of Amazon SNS whose messages are its events; none for a source that sends them itself. */
  readonly topics: readonly string[];
  /** Where SNS is emulated, as `http://127.0.0.1:PORT`; undefined for SNS itself. */
  readonly emulator: string | undefined;
  /** Types of events that approve; one `*` stands for any text. */
  readonly approve: readonly string[];
  /** Types of events that reject. A type that is in both rejects. */
  readonly reject: readonly string[];
  readonly subject: SubjectPlace;
  readonly voter: Voter;
  /** How its events are read from it, beside those that it sends. */
  readonly poll?: Poll | undefined;
}

/** A source's list of events behind a URL. */
export interface Poll {
  /** With the query that selects the events; https, or http on loopback. May have a secret: only its origin and path are shown. */
  readonly url: string;
  /** What is sent with every request: the key, under the name of its header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly everyMs: number;
  /** Undefined for a source that always shows the same events until there are too many. */
  readonly cursor: PollCursor | undefined;
}

export interface PollCursor {
  /** Of the query: what it is sent as. */
  readonly param: string;
  /** Where an answer has the next one: a JSON Pointer. */
  readonly from: string;
}

/** Where an event says what it decides: a JSON Pointer (RFC 6901) to the id of a request, or to that of a subject of one type. */
export type SubjectPlace = { readonly approval: string } | { readonly type: string; readonly id: string };

/** The service principal in whose name a source votes. */
export interface Voter {
  readonly key: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

export type Verdict = "approve" | "reject";

/** What an event is about. */
export type About = { readonly approvalId: string } | { readonly type: string; readonly id: string };

export interface Decision {
  readonly verdict: Verdict;
  readonly about: About;
  readonly digest: string | undefined;
  readonly occurredAt: number;
  readonly reason: string;
}

/** An event as it was read. */
export interface InboundEvent {
  readonly id: string;
  readonly type: string;
  /** Who decided, as the event says: nothing proves it. */
  readonly claimedActor: string;
  /** Undefined for a type that decides nothing. */
  readonly decision: Decision | undefined;
  /** As it came. */
  readonly body: string;
}

export const inboundStatuses = ["SUCCEEDED", "SKIPPED", "FAILED", "PARKED"] as const;
/** SUCCEEDED: the vote was cast. SKIPPED: there was nothing to do. FAILED: it is tried again. PARKED: it failed for an hour, and is tried by hand alone. */
export type InboundStatus = (typeof inboundStatuses)[number];

/** What came of an event, last. */
export interface End {
  readonly status: InboundStatus;
  /** A name, such as STALE_REVISION; empty for a success. */
  readonly reason: string;
  /** The same for people. */
  readonly detail: string;
  readonly approvalId: string | undefined;
}

/** An event as it is kept. */
export interface InboundRecord extends End {
  readonly id: string;
  readonly source: string;
  readonly eventId: string;
  readonly tenant: string;
  readonly eventType: string;
  readonly claimedActor: string;
  readonly body: string;
  readonly tries: number;
  readonly receivedAt: number;
  readonly settledAt: number;
}
