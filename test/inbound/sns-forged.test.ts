/** What is forged in the name of Amazon SNS is refused through the route, before anybody is connected to or any name looked up. */
import { describe, expect, test } from "vitest";
import { confirmation, host, signed, startSns, stringToSign, topic, type SnsFields } from "../support/sns.ts";
import { key, next, openSnsScene, stranger } from "../support/sns-scene.ts";

type Forgery = [what: string, forge: Forge, headers?: SnsFields];
type Forge = (good: SnsFields, trap: string) => SnsFields;
const at =
  (name: string, value: (trap: string) => string): Forge =>
  (good, trap) =>
    signed(stranger, { ...good, [name]: value(trap) });
const pem = "SimpleNotificationService-ab.pem";

describe("what is forged", () => {
  test.each<Forgery>([
    ["a certificate at a host that begins like SNS", at("SigningCertURL", () => `https://${host}.evil.example/${pem}`)],
    ["a certificate with a user in its URL", at("SigningCertURL", () => `https://evil@${host}/${pem}`)],
    ["a certificate at a host behind a user like SNS", at("SigningCertURL", (trap) => `https://${host}@${trap}/${pem}`)],
    ["a certificate without TLS", at("SigningCertURL", (trap) => `http://${trap}/${pem}`)],
    ["a certificate of SNS without TLS", at("SigningCertURL", () => `http://${host}/${pem}`)],
    ["a certificate at another port", at("SigningCertURL", () => `https://${host}:8443/${pem}`)],
    ["a certificate in a bucket", at("SigningCertURL", () => `https://sns.s3.eu-west-1.amazonaws.com/${pem}`)],
    ["a certificate at another path", at("SigningCertURL", () => `https://${host}/x.pem`)],
    ["a certificate with a query", at("SigningCertURL", () => `https://${host}/?x=${pem}`)],
    ["a certificate of another region", at("SigningCertURL", () => `https://sns.us-east-1.amazonaws.com/${pem}`)],
    ["a certificate on this machine", at("SigningCertURL", (trap) => `https://${trap}/${pem}`)],
    ["another topic", at("TopicArn", () => `${topic}2`)],
    ["a genuine signature of another topic", (good) => signed(key, { ...good, TopicArn: topic.replace("123456789012", "210987654321") })],
    ["a time long ago", (good) => signed(key, { ...good, Timestamp: "2012-05-02T00:54:06.655Z" })],
    ["another type in the header", (good) => good, { "x-amz-sns-message-type": "SubscriptionConfirmation" }],
    ["a subscription at a metadata service", (good) => subscription(good, "http://169.254.169.254/latest/meta-data/")],
    ["a subscription on this machine", (good, trap) => subscription(good, `http://${trap}/?Action=ConfirmSubscription&TopicArn=${topic}&Token=2336412f37`)],
    ["a subscription behind a user like SNS", (good, trap) => subscription(good, `https://${host}@${trap}/?Action=ConfirmSubscription`)],
    ["a subscription that does something else", (good) => subscription(good, `https://${host}/?Action=DeleteTopic&TopicArn=${topic}&Token=2336412f37`)],
    ["a genuine subscription of another topic", (good) => confirmation(key, { at: Date.parse(good["Timestamp"] ?? ""), more: { TopicArn: `${topic}2` } })],
  ])("by %s: nobody is connected to, no name looked up", async (_what, forge, headers) => {
    await using scene = await openSnsScene();
    await using trap = await startSns([]);
    const forged = forge(scene.about("m", "e"), `127.0.0.1:${trap.port}`);
    expect(await scene.send(forged, headers)).toMatchObject({ status: 403, said: { error: "untrusted_sns_message" } });
    expect([scene.resolved, scene.sns.connections(), scene.emulated.connections(), trap.connections()]).toEqual([[], 0, 0, 0]);
    expect(scene.counted).toContain("inbound_refused_total topic untrusted_sns_message");
    expect(await scene.store.tx((tx) => tx.inbound.find("topic", "e"))).toBeUndefined();
  });

  const subscription = (good: SnsFields, SubscribeURL: string) => confirmation(key, { at: Date.parse(good["Timestamp"] ?? ""), more: { SubscribeURL } });

  test.each<readonly [string, (good: SnsFields) => SnsFields]>([
    ["version 1, labelled 2", (good) => ({ ...signed(key, { ...good, SignatureVersion: "1" }), SignatureVersion: "2" })],
    ["version 2, labelled 1", (good) => ({ ...good, SignatureVersion: "1" })],
    ["somebody else's key", (good) => signed(stranger, good)],
    ["the key of another certificate", (good) => signed(next, good)],
    ["no bytes", (good) => ({ ...good, Signature: "" })],
    ["a certificate that SNS does not have", (good) => signed(stranger, { ...good, SigningCertURL: `https://${host}/${pem}` })],
    ["a subject that was added", (good) => ({ ...good, Subject: "s" })],
  ])("by a signature of %s is refused after SNS was asked for the certificate", async (_what, forge) => {
    await using scene = await openSnsScene();
    expect(await scene.send(forge(scene.about("m", "e")))).toMatchObject({ status: 403, said: { error: "untrusted_sns_message" } });
    expect([scene.resolved, scene.sns.asked.length, scene.emulated.connections()]).toEqual([[host], 1, 0]);
  });

  test("by one byte of anything that is signed", async () => {
    await using scene = await openSnsScene();
    await scene.ask("m");
    const good = scene.about("m", "e", { Subject: "decided" });
    const asking = confirmation(key, { at: scene.now() });
    for (const fields of [good, asking]) {
      const text = stringToSign(fields);
      for (const name of Object.keys(fields).filter((one) => text.includes(`${one}\n`))) {
        const value = fields[name] ?? "";
        for (const place of [0, Math.floor(value.length / 2), value.length - 1]) {
          const byte = String.fromCharCode(value.charCodeAt(place) ^ 1);
          const changed = { ...fields, [name]: value.slice(0, place) + byte + value.slice(place + 1) };
          expect((await scene.send(changed, {})).status, `${name} ${place}`).toBeOneOf([400, 403]);
        }
      }
    }
    expect(scene.sns.asked.filter((line) => !line.includes("/SimpleNotificationService-"))).toEqual([]);
    expect(await scene.send(good)).toMatchObject({ status: 200, said: { status: "processed" } });
  });

  test("by a certificate of an emulator is refused by all other sources, also when the emulator's is known", async () => {
    await using scene = await openSnsScene();
    await scene.ask("m");
    const message = scene.about("m", "e", {}, stranger);
    expect(await scene.send(message, {}, "emulated")).toMatchObject({ status: 200, said: { status: "processed" } });
    expect([scene.resolved, scene.sns.connections(), scene.emulated.asked.length]).toEqual([[], 0, 1]);
    expect(await scene.send(message)).toMatchObject({ status: 403 });
    expect([scene.resolved, scene.emulated.asked.length]).toEqual([[host], 1]);
  });
});
