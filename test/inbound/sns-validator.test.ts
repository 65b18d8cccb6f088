/** Our verification of messages of Amazon SNS beside the one that AWS publishes, `sns-validator`. */
import { X509Certificate } from "node:crypto";
import { globalAgent } from "node:https";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isSignedBy, readSns } from "../../src/inbound/sns-message.ts";
import { selfSigned } from "../support/certificate.ts";
import { confirmation, host, makeSnsKey, notification, signed, startSns, topic, type SnsFields, type SnsKey, type SnsServer } from "../support/sns.ts";

type Validator = new (host: RegExp) => { validate(message: SnsFields, done: (error: Error | null) => void): void };
const MessageValidator = createRequire(import.meta.url)("sns-validator") as Validator;

let key: SnsKey;
let sns: SnsServer;
const { ca } = globalAgent.options;
beforeAll(async () => {
  const tls = await selfSigned(host);
  key = await makeSnsKey();
  sns = await startSns([key], { tls });
  globalAgent.options.ca = tls.cert;
});
afterAll(async () => {
  globalAgent.options.ca = ca;
  await sns[Symbol.asyncDispose]();
});

const now = Date.now() + 60_000;

function ours(message: SnsFields): boolean {
  const read = readSns(JSON.stringify(message), { topics: [topic], typeHeader: undefined, nowMs: now });
  return !("code" in read) && isSignedBy(read, new X509Certificate(key.cert));
}

/** The URL of the certificate is not signed, and its server is on loopback here. */
function theirs(message: SnsFields): Promise<boolean> {
  const local = { ...message, SigningCertURL: key.url.replace(host, `127.0.0.1:${sns.port}`) };
  return new Promise((resolve) => new MessageValidator(/^127\.0\.0\.1:\d+$/).validate(local, (error) => resolve(error === null)));
}

const subject = { Subject: "Décidé ✓" };
const messages: readonly (readonly [string, (version: SnsFields) => SnsFields])[] = [
  ["a notification", (version) => notification(key, { at: now, message: '{"event_id": "e"}\n', more: version })],
  ["a notification with a subject", (version) => notification(key, { at: now, more: { ...version, ...subject } })],
  ["a notification without text", (version) => notification(key, { at: now, message: "", more: version })],
  ["a subscription", (version) => confirmation(key, { at: now, more: version })],
];
const versions = ["1", "2"].map((SignatureVersion) => ({ SignatureVersion }));

test.each(versions.flatMap((version) => messages.map(([what, make]) => [what, version.SignatureVersion, make] as const)))(
  "both take %s by version %s, and neither takes it with anything changed that is signed",
  async (_what, SignatureVersion, make) => {
    const good = make({ SignatureVersion });
    expect([ours(good), await theirs(good)]).toEqual([true, true]);
    const others = { ...good, Message: `${good["Message"]}x`, MessageId: "other", Timestamp: new Date(now - 1_000).toISOString(), Signature: "c2ln" };
    const changed = Object.keys(good).filter((name) => good[name] !== others[name as keyof typeof others]);
    expect(changed).toEqual(expect.arrayContaining(["Message", "MessageId", "Timestamp", "Signature"]));
    for (const name of changed) {
      const bad = { ...good, [name]: others[name as keyof typeof others] };
      expect([name, ours(bad), await theirs(bad)]).toEqual([name, false, false]);
    }
    const relabelled = { ...good, SignatureVersion: SignatureVersion === "1" ? "2" : "1" };
    const subjects = good["Type"] === "Notification" ? [{ ...good, Subject: "other" }] : [];
    for (const bad of [relabelled, ...subjects]) expect([ours(bad), await theirs(bad)]).toEqual([false, false]);
  },
);

test("an end of a subscription is signed like its begin, which theirs does not know", async () => {
  const end = confirmation(key, { at: now }, "UnsubscribeConfirmation");
  expect([ours(end), await theirs(end)]).toEqual([true, false]);
});

test("ours alone refuses what SNS never sends", async () => {
  const subjectOfConfirmation = signed(key, { ...confirmation(key, { at: now }), MessageId: "two words" });
  expect([ours(subjectOfConfirmation), await theirs(subjectOfConfirmation)]).toEqual([false, true]);
});
