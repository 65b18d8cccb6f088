/** One attempt of one delivery: signed, sent, and what came of it. */
import { refusedWith } from "../kernel/http-status.ts";
import { signedHeaders, type SecretValues } from "../kernel/signed-body.ts";
import type { WebhookDeps } from "./deps.ts";
import type { PostResult } from "./ports.ts";
import type { Attempt, Delivery, Endpoint } from "./types.ts";

const maxAttempts = 20;
const maxAnswer = 1_024;
/** What an endpoint answers to say that it is gone for good. */
const gone = 410;
/** Whoever has verified signatures is sent nothing without one. */
const notSigned: PostResult = { is: "denied", error: "its secret was deleted", address: "" };

export interface Attempted extends Attempt {
  /** The header of that name, or empty. */
  readonly retryAfter: string;
  readonly isGone: boolean;
}

/** What an attempt needs, read before it. */
export interface Ready {
  readonly endpoint: Endpoint;
  readonly secrets: SecretValues;
  readonly delivery: Delivery;
  /** That of the change that is told. */
  readonly traceparent: string | undefined;
}

/** Sends a delivery. Rejects with the signal's reason alone. */
export async function attempt(
  { client, clock, meter }: Pick<WebhookDeps, "client" | "clock" | "meter">,
  { endpoint, secrets, delivery, traceparent }: Ready,
  isManual: boolean,
  signal: AbortSignal,
): Promise<Attempted> {
  const at = clock.now();
  const { url, id, secretId } = endpoint;
  const { eventId, body } = delivery;
  const headers = {
    "content-type": "application/json",
    "user-agent": "muster",
    ...(traceparent === undefined ? {} : { traceparent }),
    ...signedHeaders({ id: eventId, body, secrets }, at),
  };
  const isSecretGone = secretId !== undefined && secrets.length === 0;
  const result = isSecretGone ? notSigned : await client.post({ url, headers, body, share: id, isLoopbackOnly: secrets.length === 0 }, signal);
  const attempted = { at, ms: clock.now() - at, isManual, address: result.address, ...endOf(result) };
  meter.attempted(attempted.result, attempted.ms);
  return attempted;
}

function endOf(result: PostResult): Pick<Attempted, "result" | "status" | "answer" | "error" | "retryAfter" | "isGone"> {
  if (result.is !== "answered") {
    return { result: result.is === "denied" ? "DENIED" : "UNANSWERED", status: 0, answer: "", error: result.error, retryAfter: "", isGone: false };
  }
  const { status, answer, retryAfter } = result;
  const isDelivered = status >= 200 && status < 300;
  const error = isDelivered ? "" : refusedWith(status);
  return {
    result: isDelivered ? "DELIVERED" : "REFUSED",
    status,
    // Half of a pair of code units could not go on the wire.
    answer: answer.slice(0, maxAnswer).toWellFormed(),
    error,
    retryAfter,
    isGone: status === gone,
  };
}

/** The end of an attempt for which nothing was sent, because the endpoint does not answer others. */
export function heldBack({ clock, meter }: Pick<WebhookDeps, "clock" | "meter">): Attempted {
  meter.attempted("HELD_BACK", 0);
  const error = "not sent: the endpoint did not answer the last event, and is being tried with another one";
  return { at: clock.now(), ms: 0, result: "HELD_BACK", status: 0, answer: "", error, address: "", isManual: false, retryAfter: "", isGone: false };
}

/** The delivery with one more attempt; `leaveUntil`: until when its answer asks to be left alone, if it does. */
export function withAttempt(delivery: Delivery, { retryAfter: _header, isGone: _gone, ...made }: Attempted, leaveUntil?: number): Delivery {
  const attempt: Attempt = leaveUntil === undefined ? made : { ...made, leaveUntil };
  return { ...delivery, attempts: [...delivery.attempts, attempt].slice(-maxAttempts) };
}
