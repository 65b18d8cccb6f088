/** kill -9 at every instant of a delivery: nothing is lost, what comes again has the same id, and each request is in order. Two replicas deliver once. */
import { describe, expect, test } from "vitest";
import { Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { WebhookDeliveryState, WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { startWebhookReceiver, type Received, type WebhookReceiver } from "../support/webhook-receiver.ts";

const { createWebhookEndpoint, getWebhookDelivery, listWebhookDeliveries, redeliver } = WebhookService.method;
const program = new URL("./webhook-server.ts", import.meta.url).pathname;
const policy = "{key: k, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}";
const types = ["request_created", "stage_started", "approvers_resolved", "vote_recorded", "stage_completed", "request_rejected"];

/** As a receiver takes them: each id once, when it came first. */
function taken(received: readonly Received[], id: string): readonly string[] {
  const its = received.filter(({ event }) => event.request_id === id);
  return [...new Map(its.map(({ event }) => [event.event_id, event.event_type])).values()];
}

const subject = { type: "document", id: "x", digest: "d" };

/** Asks and rejects, as often as it takes to be answered: a killed server answers nothing. */
async function course(address: string): Promise<string> {
  using amy = person(address, "amy");
  using bob = person(address, "bob");
  const opened = await ask(amy, { commandId: "open", policyKey: "k", subject });
  await decide(bob, opened, { commandId: "vote", verdict: Verdict.REJECT, comment: "no" });
  return opened.id;
}

async function setUp(address: string, receiver: WebhookReceiver): Promise<void> {
  using admin = person(address, "root");
  await usePolicy(admin, policy);
  await admin.unary(createWebhookEndpoint, { url: receiver.url });
}

async function expectAll(muster: MusterProcess, receiver: WebhookReceiver): Promise<void> {
  const id = await course(muster.address);
  using admin = person(muster.address, "root");
  await eventually(async () => {
    const { deliveries } = await admin.unary(listWebhookDeliveries, { approvalId: id });
    return (deliveries.length === types.length && deliveries.every(({ state }) => state === WebhookDeliveryState.DELIVERED)) || undefined;
    // The lease of a dead replica's task may have to end first.
  }, 120_000);
  expect(taken(receiver.received, id)).toEqual(types);
  const bodies = Map.groupBy(receiver.received, ({ event }) => event.event_id);
  for (const its of bodies.values()) expect(new Set(its.map(({ body }) => body)).size).toBe(1);
}

const instants = [
  "webhookCursors.insert:effect",
  "webhookCursors.insert:committed",
  "tasks.claim:effect",
  "tasks.claim:committed",
  "webhookCursors.lock:effect",
  "webhookDeliveries.begin:effect",
  "webhookDeliveries.begin:committed",
  "webhookDeliveries.update:effect",
  "webhookDeliveries.update:committed",
  "webhookCursors.move:effect",
  "webhookCursors.finish:effect",
  "webhookCursors.finish:committed",
  "tasks.done:effect",
  "tasks.done:committed",
];
const cases = instants.flatMap((at) => [1, ...(/Deliveries|lock|move/.test(at) ? [3] : [])].map((nth) => [at, nth] as const));

describe("killed", () => {
  test.each(cases)("at %s, time %i", { timeout: 120_000 }, async (at, nth) => {
    await using backing = await embeddedBacking();
    await using receiver = await startWebhookReceiver();
    {
      await using victim = await startMuster({ ...backing.env, KILL_ON: at, KILL_AT: `${nth}` }, [program]);
      await setUp(victim.address, receiver);
      await course(victim.address).catch(() => undefined);
      expect(await victim.ended).toBe("SIGKILL");
    }
    await using muster = await startMuster(backing.env);
    await expectAll(muster, receiver);
  });

  test.each(["before", "after"])("%s the receiver has answered", { timeout: 120_000 }, async (when) => {
    await using backing = await embeddedBacking();
    await using receiver = await startWebhookReceiver();
    {
      await using victim = await startMuster(backing.env);
      await setUp(victim.address, receiver);
      receiver.answer((_received, response) => {
        if (receiver.received.length !== 2) return void response.end();
        if (when === "after") response.end();
        victim.signal("SIGKILL");
      });
      await course(victim.address).catch(() => undefined);
      expect(await victim.ended).toBe("SIGKILL");
    }
    receiver.answer(200);
    await using muster = await startMuster(backing.env);
    await expectAll(muster, receiver);
  });
});

test("killed while a delivery is sent by hand: it is sent again, and listed", { timeout: 120_000 }, async () => {
  await using backing = await embeddedBacking();
  await using receiver = await startWebhookReceiver();
  let id = "";
  {
    await using victim = await startMuster(backing.env);
    await setUp(victim.address, receiver);
    await expectAll(victim, receiver);
    using admin = person(victim.address, "root");
    const { deliveries } = await admin.unary(listWebhookDeliveries, {});
    id = deliveries[0]?.id ?? "";
    receiver.answer(() => victim.signal("SIGKILL"));
    await admin.unary(redeliver, { id }).catch(() => undefined);
    expect(await victim.ended).toBe("SIGKILL");
  }
  receiver.answer(200);
  await using muster = await startMuster(backing.env);
  using admin = person(muster.address, "root");
  const attempts = await eventually(async () => {
    const { delivery } = await admin.unary(getWebhookDelivery, { id });
    return delivery?.attempts.length === 2 ? delivery.attempts : undefined;
  }, 60_000);
  expect(attempts.map(({ manual, status }) => [manual, status])).toEqual([
    [false, 200],
    [true, 200],
  ]);
  const its = receiver.received.filter(({ event }) => event.event_type === types.at(-1));
  expect(new Set(its.map(({ body, headers }) => `${headers["webhook-id"]} ${body}`)).size).toBe(1);
  expect(its).toHaveLength(3);
});

describeReal("two replicas on one database", (servers) => {
  test("deliver every event of many requests once, each request in order", { timeout: 300_000 }, async () => {
    await using backing = await realBacking(servers);
    await using one = await startMuster(backing.env);
    await using two = await startMuster(backing.env);
    await using receiver = await startWebhookReceiver();
    await setUp(one.address, receiver);
    const clients = [one, two].map(({ address }) => ({ amy: person(address, "amy"), bob: person(address, "bob") }));
    const both = [0, 1] as const;
    const ids = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const [here, there] = [clients[both[n % 2] ?? 0], clients[both[(n + 1) % 2] ?? 0]];
        if (!here || !there) throw new Error("there are two");
        const opened = await ask(here.amy, { policyKey: "k", subject: { ...subject, id: `${n}` } });
        await decide(there.bob, opened, { verdict: Verdict.REJECT, comment: "no" });
        return opened.id;
      }),
    );
    const received = await receiver.atLeast(40 * types.length);
    for (const id of ids) expect(received.filter(({ event }) => event.request_id === id).map(({ event }) => event.event_type)).toEqual(types);
    expect(receiver.received).toHaveLength(40 * types.length);
    for (const { amy, bob } of clients) [amy, bob].forEach((client) => client[Symbol.dispose]());
  });

  test("one goes on with what the other was sending when it was killed", { timeout: 300_000 }, async () => {
    await using backing = await realBacking(servers);
    await using receiver = await startWebhookReceiver();
    await using other = await startMuster(backing.env);
    const victims: MusterProcess[] = [];
    receiver.answer((_received, response) => {
      if (receiver.received.length === 1) victims.forEach((victim) => victim.signal("SIGKILL"));
      else response.end();
    });
    await setUp(other.address, receiver);
    // The other one is there, and is stopped while this one claims.
    other.signal("SIGSTOP");
    await using victim = await startMuster(backing.env);
    victims.push(victim);
    await course(victim.address).catch(() => undefined);
    expect(await victim.ended).toBe("SIGKILL");
    other.signal("SIGCONT");
    await expectAll(other, receiver);
  });
});
