/** The vocabulary of webhooks. Plain data; times are epoch milliseconds. */

/** Who is sent what. */
export interface Endpoint {
  readonly id: string;
  readonly tenant: string;
  /** The request of which it is the callback; undefined for an endpoint of the tenant. */
  readonly approvalId: string | undefined;
  readonly url: string;
  /** Empty for all. */
  readonly types: readonly string[];
  /** Each `TYPE`, `TYPE/ID` or `TYPE/BEGINNING*`; empty for all. */
  readonly subjects: readonly string[];
  /** Undefined for a callback that is not signed, which only loopback may be. */
  readonly secretId: string | undefined;
  readonly description: string;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly disabled: { readonly at: number; readonly why: string } | undefined;
}

/** A secret without its values. */
export interface Secret {
  readonly id: string;
  readonly tenant: string;
  readonly description: string;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly rotatedAt: number | undefined;
  /** Until when the former value signs, too. */
  readonly formerUntil: number | undefined;
}

/**
 * What an endpoint still has to be sent of one request: the events after `acked` up to `wanted`. There is a cursor as long as there is such
 * an event, and a task, `taskId`, that sends them.
 */
export interface Cursor {
  readonly endpointId: string;
  readonly approvalId: string;
  readonly tenant: string;
  readonly acked: number;
  readonly wanted: number;
  readonly taskId: string;
  /** Every run increments it: an older run does not move the cursor any more. */
  readonly run: number;
  /** Failed attempts of the first event. */
  readonly tries: number;
  /** When the next attempt is due. */
  readonly dueAt: number;
}

export const deliveryStates = ["PENDING", "DELIVERED", "GIVEN_UP"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export const attemptResults = ["DELIVERED", "REFUSED", "UNANSWERED", "DENIED", "HELD_BACK"] as const;
/** DENIED: the address may not be dialled. HELD_BACK: nothing was sent, since the endpoint had just not answered. */
export type AttemptResult = (typeof attemptResults)[number];

export interface Attempt {
  readonly at: number;
  readonly ms: number;
  readonly result: AttemptResult;
  /** 0 without an answer. */
  readonly status: number;
  /** The beginning of the answer's body. */
  readonly answer: string;
  /** Empty for a delivered one. */
  readonly error: string;
  /** The IP address that was dialled; empty when none was. */
  readonly address: string;
  readonly isManual: boolean;
  /** Until when the answer asks to be left alone; of an attempt in order alone. */
  readonly leaveUntil?: number;
}

/** One event for one endpoint. */
export interface Delivery {
  readonly id: string;
  readonly tenant: string;
  readonly endpointId: string;
  /** Empty for a test. */
  readonly approvalId: string;
  /** 0 for a test. */
  readonly sequence: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly state: DeliveryState;
  /** Why it was given up. */
  readonly detail: string;
  /** Empty when nothing was ever to be sent. */
  readonly body: string;
  /** The latest, oldest first. */
  readonly attempts: readonly Attempt[];
  readonly createdAt: number;
  readonly nextAt: number | undefined;
}
