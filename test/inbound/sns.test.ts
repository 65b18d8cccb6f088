/** What Amazon SNS sends, through the route: what is genuine is taken once, and subscriptions are confirmed. */
import { describe, expect, test } from "vitest";
import { inboundRoutes } from "../../src/rpc/inbound/routes.ts";
import type { RouteRequest } from "../../src/rpc/transport/http-route.ts";
import { openInboundScene, source as signedSource } from "../support/inbound-scene.ts";
import { confirmation, host, notification, signed, startSns, topic } from "../support/sns.ts";
import { key, next, openSnsScene, stranger } from "../support/sns-scene.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe("a notification", () => {
  test.each(["1", "2"])("of signature version %s is its event, once", async (SignatureVersion) => {
    await using scene = await openSnsScene();
    const id = await scene.ask("m");
    const message = scene.about("m", "e", { SignatureVersion, Subject: "decided" });
    expect(await scene.send(message)).toEqual({ status: 200, said: { received: true, eventId: "e", status: "processed" } });
    expect(await scene.send(message)).toMatchObject({ status: 200, said: { status: "already_processed" } });
    expect((await scene.find(id)).votes).toHaveLength(1);
    expect(await scene.store.tx((tx) => tx.inbound.find("topic", "e"))).toMatchObject({ status: "SUCCEEDED", body: message["Message"] });
    expect([scene.resolved, scene.sns.asked.length]).toEqual([[host], 1]);
  });

  test("may come without the header of its type, as from a forwarder", async () => {
    await using scene = await openSnsScene();
    await scene.ask("m");
    expect(await scene.send(scene.about("m", "e"), {})).toMatchObject({ status: 200, said: { status: "processed" } });
  });

  test("a thousand times at once is one vote, and one request for the certificate", async () => {
    await using scene = await openSnsScene();
    const id = await scene.ask("m");
    const message = scene.about("m", "e");
    const all = await Promise.all(Array.from({ length: 1_000 }, () => scene.send(message)));
    expect(Map.groupBy(all, ({ said }) => said["status"]).get("processed")).toHaveLength(1);
    expect(Map.groupBy(all, ({ said }) => said["status"]).get("already_processed")).toHaveLength(999);
    expect((await scene.find(id)).votes).toHaveLength(1);
    expect(scene.sns.asked).toHaveLength(1);
  });

  test("is taken for an hour, and by then known when it is sent again", async () => {
    await using scene = await openSnsScene();
    await scene.ask("m");
    const [message, late] = [scene.about("m", "e"), scene.about("m", "late")];
    await scene.send(message);
    await scene.clock.leap(hour);
    expect(await scene.send(message)).toMatchObject({ status: 200, said: { status: "already_processed" } });
    await scene.clock.leap(1);
    expect(await scene.send(message)).toMatchObject({ status: 403, said: { error: "untrusted_sns_message" } });
    expect(await scene.send(late)).toMatchObject({ status: 403 });
  });

  test("is one vote with the same event of a source that sends it itself, whichever comes first", async () => {
    await using scene = await openSnsScene();
    for (const first of ["topic", "markets"]) {
      const id = await scene.ask(first);
      const message = scene.about(first, first);
      const bySns = () => scene.send(message);
      const directly = () => scene.post("markets", message["Message"] ?? "");
      const [one, other] = first === "topic" ? [bySns, directly] : [directly, bySns];
      expect(await one()).toMatchObject({ status: 200, said: { status: "processed" } });
      expect(await other()).toMatchObject({ status: 200, said: { status: "skipped", reason: "REQUEST_CLOSED" } });
      expect((await scene.find(id)).votes).toHaveLength(1);
    }
  });

  test("of a subject that is not there yet is kept, and its event tried again", async () => {
    await using scene = await openSnsScene();
    expect(await scene.send(scene.about("m", "e"))).toMatchObject({ status: 202, said: { status: "failed", reason: "SUBJECT_UNKNOWN" } });
    const id = await scene.ask("m");
    await scene.clock.pass(6_000);
    expect((await scene.find(id)).decision).toBe("APPROVED");
  });

  test("by the next certificate is as good, and so is the former while it is valid", async () => {
    await using scene = await openSnsScene();
    for (const [market, by] of [
      ["a", key],
      ["b", next],
      ["c", key],
    ] as const) {
      await scene.ask(market);
      expect(await scene.send(scene.about(market, market, {}, by))).toMatchObject({ status: 200, said: { status: "processed" } });
    }
    expect(scene.sns.asked).toHaveLength(2);
    await scene.clock.leap(2 * day);
    expect(await scene.send(scene.about("a", "late"))).toMatchObject({ status: 403 });
  });

  test("by a certificate that is not valid yet is refused", async () => {
    await using scene = await openSnsScene(Date.now() - hour);
    expect(await scene.send(scene.about("m", "e"))).toMatchObject({ status: 403 });
  });

  test.each([
    ["no JSON", "{", "invalid_webhook_payload"],
    ["no event", "{}", "missing_event_fields"],
  ])("whose text is %s is refused as an event", async (_what, message, error) => {
    await using scene = await openSnsScene();
    expect(await scene.send(notification(key, { at: scene.now(), message }))).toMatchObject({ status: 400, said: { error } });
  });

  test("of raw delivery, which nobody signed, is refused with the remedy", async () => {
    await using scene = await openSnsScene();
    const raw = scene.bodyOf({ id: "e" });
    const headers = { "x-amz-sns-message-type": "Notification", "x-amz-sns-rawdelivery": "true" };
    expect(await scene.post("topic", raw, headers)).toMatchObject({ status: 400, said: { message: expect.stringContaining("turn RawMessageDelivery off") } });
    expect(await scene.post("topic", raw)).toMatchObject({ status: 400, said: { error: "invalid_sns_message" } });
    expect(await scene.post("topic", JSON.stringify(scene.about("m", "e")), headers)).toMatchObject({ status: 400 });
  });

  test("is nothing to a source that signs by a secret", async () => {
    await using scene = await openSnsScene();
    const other = { ...signedSource, name: "secret", secrets: ["0123456789abcdef"] };
    await using signing = await openInboundScene({ sources: [other] });
    const [, route] = inboundRoutes({ deps: signing.inbound.deps, clock: signing.clock, store: signing.store, isLoopback: () => true });
    const request = { params: { source: "secret" }, headers: {}, body: Buffer.from(JSON.stringify(scene.about("m", "e"))) } as unknown as RouteRequest;
    expect((await route!.handle(request)).status).toBe(401);
  });
});

describe("what SNS answers", () => {
  test.each<readonly [string, NonNullable<Awaited<ReturnType<typeof startSns>>["answer"]>]>([
    ["is an error", (response) => void response.writeHead(500).end()],
    ["is that it is busy", (response) => void response.writeHead(429).end()],
    ["is nothing", (response) => void response.destroy()],
  ])("%s: the message is to be sent again, and then is taken", async (_what, answer) => {
    await using scene = await openSnsScene();
    await scene.ask("m");
    const message = scene.about("m", "e");
    scene.sns.answer = answer;
    await expect(scene.send(message)).rejects.toMatchObject({ kind: "unavailable", metadata: { dependency: "Amazon SNS" } });
    scene.sns.answer = undefined;
    expect(await scene.send(message)).toMatchObject({ status: 200, said: { status: "processed" } });
  });

  test.each<readonly [string, (trap: string) => NonNullable<Awaited<ReturnType<typeof startSns>>["answer"]>]>([
    ["is elsewhere", (trap) => (response) => void response.writeHead(302, { location: `http://${trap}/` }).end()],
    ["has 10 MiB", () => (response) => void response.end(Buffer.alloc(10 << 20, "a"))],
    ["says that it has 10 MiB", () => (response) => void response.writeHead(200, { "content-length": 10 << 20 }).write("a")],
    ["is no certificate", () => (response) => void response.end("<html>")],
    ["is empty", () => (response) => void response.end()],
  ])("%s: no certificate", async (_what, answer) => {
    await using scene = await openSnsScene();
    await using trap = await startSns([]);
    scene.sns.answer = answer(`127.0.0.1:${trap.port}`);
    expect(await scene.send(scene.about("m", "e"))).toMatchObject({ status: 403 });
    expect([scene.sns.asked.length, trap.connections()]).toEqual([1, 0]);
  });
});

describe("a subscription", () => {
  const confirms = (asked: readonly string[]) => asked.filter((line) => line.includes("Action="));

  test("of a topic of the source is confirmed by one request, however often it is asked for", async () => {
    await using scene = await openSnsScene();
    const message = confirmation(key, { at: scene.now() });
    const said = { received: true, messageId: message["MessageId"], status: "confirmed" };
    expect(await scene.send(message)).toEqual({ status: 200, said });
    expect(confirms(scene.sns.asked)).toEqual([`GET /?Action=ConfirmSubscription&TopicArn=${topic}&Token=2336412f37 ${host}:${scene.sns.port}`]);
    expect(scene.lines.filter((line) => line.includes("inbound.sns-confirmed") && line.includes(topic))).toHaveLength(1);
    expect(await scene.send(message)).toEqual({ status: 200, said });
    expect(confirms(scene.sns.asked)).toHaveLength(2);
  });

  test("that nobody of SNS signed is not confirmed", async () => {
    await using scene = await openSnsScene();
    expect(await scene.send(signed(stranger, confirmation(key, { at: scene.now() })))).toMatchObject({ status: 403 });
    expect(confirms(scene.sns.asked)).toEqual([]);
  });

  test.each([
    [503, "unavailable"],
    [403, 400],
  ])("that SNS answers %i to: %s", async (status, then) => {
    await using scene = await openSnsScene();
    await scene.ask("m");
    await scene.send(scene.about("m", "e"));
    scene.sns.answer = (response) => void response.writeHead(status).end();
    const ended = scene.send(confirmation(key, { at: scene.now() }));
    if (then === "unavailable") await expect(ended).rejects.toMatchObject({ kind: then });
    else expect(await ended).toMatchObject({ status: then, said: { message: expect.stringContaining("SNS does not confirm the subscription") } });
    expect(scene.lines.filter((line) => line.includes("inbound.sns-confirmed"))).toEqual([]);
  });

  test("that has ended is logged, and not begun again", async () => {
    await using scene = await openSnsScene();
    const message = confirmation(key, { at: scene.now() }, "UnsubscribeConfirmation");
    expect(await scene.send(message)).toEqual({ status: 200, said: { received: true, messageId: message["MessageId"], status: "unsubscribed" } });
    expect(scene.lines.filter((line) => line.includes("inbound.sns-unsubscribed") && line.includes('"warn"'))).toHaveLength(1);
    expect(confirms(scene.sns.asked)).toEqual([]);
  });
});
