/**
 * Messages of Amazon SNS over HTTP, as its developer guide describes them ("Verifying the signatures of Amazon SNS messages"): what one
 * must be before anything is fetched because of it, and what its signature is over. Pure. Version 1 of signatures is RSA with SHA-1,
 * version 2 is RSA with SHA-256.
 */
import { verify, type X509Certificate } from "node:crypto";

export const snsTypes = ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] as const;
export type SnsType = (typeof snsTypes)[number];

/** A message that may be of SNS: only its signature is not verified yet. */
export interface SnsMessage {
  readonly type: SnsType;
  readonly message: string;
  readonly messageId: string;
  readonly topic: string;
  readonly algorithm: "RSA-SHA1" | "RSA-SHA256";
  /** In Base64. */
  readonly signature: string;
  readonly certificateUrl: string;
  /** Empty for a notification. */
  readonly subscribeUrl: string;
  /** What is signed. */
  readonly signed: string;
}

/** `invalid_sns_message`: it is no message of SNS. `untrusted_sns_message`: SNS did not send it to this source, or not within the last hour. */
export interface SnsRefusal {
  readonly code: "invalid_sns_message" | "untrusted_sns_message";
  readonly why: string;
}

/** SNS tries a delivery again for an hour at most, whatever its retry policy says. */
export const maxAgeMs = 3_600_000;
export const maxAheadMs = 300_000;

const always = ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL"] as const;
const confirmations = ["SubscribeURL", "Token"] as const;
/** In the order in which they are signed. `Subject` is signed only when the message has one. */
const signedOf: Readonly<Record<SnsType, readonly string[]>> = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
  UnsubscribeConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
};
const algorithms: ReadonlyMap<string, SnsMessage["algorithm"]> = new Map([
  ["1", "RSA-SHA1"],
  ["2", "RSA-SHA256"],
]);

const topicPattern = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-\d{1,2}):\d{12}:[A-Za-z0-9_-]{1,256}$/;

/** What is wrong with the ARN of a topic; undefined when nothing is. Topics that end in `.fifo` deliver nothing by HTTP. */
export function topicViolation(topic: string): string | undefined {
  const [, partition, region = ""] = topicPattern.exec(topic) ?? [];
  if (partition === undefined) return "is the ARN of a standard topic, such as arn:aws:sns:eu-west-1:123456789012:decisions";
  const belongs = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  return partition === belongs ? undefined : `names the region ${region}, which is in arn:${belongs}`;
}

/** The host of SNS in the region of a topic. */
function hostOf(topic: string): string {
  const [, partition, region = ""] = topicPattern.exec(topic) ?? [];
  return `sns.${region}.amazonaws.com${partition === "aws-cn" ? ".cn" : ""}`;
}

export interface SnsRules {
  /** Those whose messages are taken. */
  readonly topics: readonly string[];
  /** `x-amz-sns-message-type`, when it came. */
  readonly typeHeader: string | undefined;
  readonly nowMs: number;
}

/** Reads a message, and refuses what cannot be trusted whoever signed it. Never throws, whatever the text. */
export function readSns(body: string, { topics, typeHeader, nowMs }: SnsRules): SnsMessage | SnsRefusal {
  const fields = textsOf(body);
  const type = snsTypes.find((one) => one === fields?.get("Type"));
  const lacking = [...always, ...(type === "Notification" ? [] : confirmations)].filter((name) => !fields?.has(name));
  if (!fields || !type || lacking.length > 0) return invalid(`it is no message of Amazon SNS, which is a JSON object with ${always.join(", ")}`);
  const at = (name: string): string => fields.get(name) ?? "";
  const [topic, certificateUrl, subscribeUrl] = [at("TopicArn"), at("SigningCertURL"), type === "Notification" ? "" : at("SubscribeURL")];
  const algorithm = algorithms.get(at("SignatureVersion"));
  if (algorithm === undefined) return invalid("its SignatureVersion is neither 1 nor 2");
  if (typeHeader !== undefined && typeHeader !== type) return untrusted("its Type is not that of the header x-amz-sns-message-type");
  if (!topics.includes(topic)) return untrusted("its TopicArn is none of the topics of this source");
  if (!isCertificateUrl(certificateUrl, topic)) return untrusted("its SigningCertURL is not that of SNS in the region of its topic");
  if (type !== "Notification" && !isSubscribeUrl(subscribeUrl, topic, at("Token")))
    return untrusted("its SubscribeURL does not confirm its topic at SNS in the region of the topic");
  // Each is a line of what is signed: with line breaks the same signature would be good for other fields.
  if (!/^[\x21-\x7e]{1,128}$/.test(at("MessageId")) || /[\r\n]/.test(at("Subject"))) return invalid("its MessageId or Subject is none of SNS");
  const sentAt = timeOf(at("Timestamp"));
  if (Number.isNaN(sentAt)) return untrusted("its Timestamp is no time of SNS, such as 2026-01-31T18:00:00.000Z");
  if (sentAt < nowMs - maxAgeMs) return untrusted("its Timestamp is more than an hour ago");
  if (sentAt > nowMs + maxAheadMs) return untrusted("its Timestamp is more than five minutes ahead of the clock of this server");
  return {
    type,
    message: at("Message"),
    messageId: at("MessageId"),
    topic,
    algorithm,
    signature: at("Signature"),
    certificateUrl,
    subscribeUrl,
    signed: signedOf[type].flatMap((name) => (fields.has(name) ? [`${name}\n${at(name)}\n`] : [])).join(""),
  };
}

/** True when the signature is by the key of this certificate. */
export function isSignedBy({ algorithm, signed, signature }: SnsMessage, { publicKey }: X509Certificate): boolean {
  // What is no text in UTF-8 would be signed as what stands for it there.
  if (publicKey.asymmetricKeyType !== "rsa" || !signed.isWellFormed()) return false;
  return verify(algorithm, Buffer.from(signed, "utf8"), publicKey, Buffer.from(signature, "base64"));
}

/** The members that are text; undefined when it is no JSON object. What is null is not there. */
function textsOf(body: string): ReadonlyMap<string, string> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  return new Map(Object.entries(json).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** NaN for what is no time in UTC. */
function timeOf(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text) ? Date.parse(text) : Number.NaN;
}

/** Compared as text, so that no port, user, query or other spelling is forgiven. */
function isCertificateUrl(url: string, topic: string): boolean {
  const root = `https://${hostOf(topic)}/`;
  return url.startsWith(root) && /^SimpleNotificationService-[0-9a-f]{1,64}\.pem$/.test(url.slice(root.length));
}

function isSubscribeUrl(url: string, topic: string, token: string): boolean {
  if (!url.startsWith(`https://${hostOf(topic)}/?`) || !/^[\x21-\x7e]{1,2048}$/.test(url) || url.includes("#")) return false;
  const given = [...new URL(url).searchParams].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const wanted = [
    ["Action", "ConfirmSubscription"],
    ["Token", token],
    ["TopicArn", topic],
  ];
  return JSON.stringify(given) === JSON.stringify(wanted);
}

function invalid(why: string): SnsRefusal {
  return { code: "invalid_sns_message", why };
}

function untrusted(why: string): SnsRefusal {
  return { code: "untrusted_sns_message", why };
}
