/** What webhooks use of the rest of the process. */
import type { WebhookTx } from "./records.ts";

export interface WebhookPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whose turn it uses at the name service. */
  readonly share: string;
  /** Not signed: only a loopback address may be dialled, as for what is not encrypted. */
  readonly isLoopbackOnly: boolean;
}

/** How a POST ended; `address` is what was dialled. */
export type PostResult =
  | { readonly is: "answered"; readonly status: number; readonly retryAfter: string; readonly answer: string; readonly address: string }
  | { readonly is: "unanswered" | "denied"; readonly error: string; readonly address: string };

export interface WebhookClient {
  /**
   * One POST, to an address that was looked up and judged for it; redirects are answers. Ends within ten seconds; an answer has at most
   * 64 KiB. Rejects only with the signal's reason.
   */
  post(request: WebhookPost, signal: AbortSignal): Promise<PostResult>;
}

/** An event of a request, as it is published. */
export interface Notice {
  readonly sequence: number;
  readonly type: string;
  readonly at: number;
  readonly actor: string;
  /** It decides the request for good. */
  readonly isFinal: boolean;
  /** The state of the request after it, such as `IN_REVIEW`. */
  readonly decision: string;
  readonly subject: { readonly type: string; readonly id: string };
  /** The place of its stage, from 1. */
  readonly stageOrder: number | undefined;
  readonly reason: string;
  readonly comment: string;
  /** The published message, as JSON. */
  readonly message: object;
}

/** Where the events of requests are. */
export interface NoticeSource {
  /** The types that are published. */
  readonly types: readonly string[];
  /** The published events of a request after one sequence up to another, in order. */
  read(tx: WebhookTx, approvalId: string, after: number, upTo: number): Promise<readonly Notice[]>;
  /** The W3C trace context of the call that an event of a request comes from; undefined when it had none, or the log does not have the event any more. */
  traceOf(tx: WebhookTx, approvalId: string, sequence: number): Promise<string | undefined>;
  /** Those of the requests that are not decided. */
  undecided(tx: WebhookTx, tenant: string, approvalIds: readonly string[]): Promise<readonly string[]>;
  /** What an event of the log, by its JSON, is about; undefined when it is no event of a request. */
  ofLog(payload: string): Noted | undefined;
}

/** An event of a request that was just inserted. */
export interface Noted {
  readonly tenant: string;
  readonly approval: { readonly id: string; readonly subject: { readonly type: string; readonly id: string } };
  readonly event: { readonly type: string; readonly sequence: number };
}

/** What may be dialled. */
export interface Hosts {
  /** What is wrong with the host of a URL, as text or as the address that it is. */
  violation(host: string): string | undefined;
  isLoopback(host: string): boolean;
}
