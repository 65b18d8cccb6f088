/** What Amazon SNS sends for a source: verified, then an event like any other. Subscriptions of the source's topics are confirmed. */
import type { InboundDeps } from "./deps.ts";
import { isSignedBy, readSns, type SnsRefusal } from "./sns-message.ts";
import type { Source } from "./types.ts";

/** `event`: a notification, whose text it is. `confirmed`, `unsubscribed`: all that is to be done is done. */
export type SnsTaken = { readonly is: "event"; readonly body: string } | { readonly is: "confirmed" | "unsubscribed"; readonly messageId: string };

export interface SnsDelivery {
  readonly body: string;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  readonly nowMs: number;
}

/** Rejects with `unavailable` when SNS does not answer: then it is to send the message again. */
export async function takeSns(
  { certificates, askSns, log }: Pick<InboundDeps, "certificates" | "askSns" | "log">,
  source: Source,
  { body, header, nowMs }: SnsDelivery,
): Promise<SnsTaken | SnsRefusal> {
  if (header("x-amz-sns-rawdelivery") === "true")
    return { code: "invalid_sns_message", why: "raw message delivery has no signature: turn RawMessageDelivery off for this subscription" };
  const read = readSns(body, { topics: source.topics, typeHeader: header("x-amz-sns-message-type"), nowMs });
  if ("code" in read) return read;
  const { type, topic, message, messageId, certificateUrl, subscribeUrl } = read;
  const certificate = await certificates(certificateUrl, source, nowMs);
  if (!certificate || !isSignedBy(read, certificate))
    return { code: "untrusted_sns_message", why: "its signature is not by a certificate of SNS that is valid now" };
  if (type === "Notification") return { is: "event", body: message };
  const about = { source: source.name, topic, message_id: messageId };
  if (type === "UnsubscribeConfirmation") {
    // Its SubscribeURL would subscribe again.
    log("warn", "inbound.sns-unsubscribed", about);
    return { is: "unsubscribed", messageId };
  }
  if ((await askSns(subscribeUrl, source.emulator)) === undefined)
    return { code: "invalid_sns_message", why: "SNS does not confirm the subscription: its token is too old, or its topic is gone" };
  log("info", "inbound.sns-confirmed", about);
  return { is: "confirmed", messageId };
}
