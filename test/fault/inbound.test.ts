/** kill -9 at every instant of an event from outside: it is delivered again, and its vote is cast once; what was kept as failed is tried again. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { InboundService, InboundStatus } from "../../gen/muster/approval/v1/inbound_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";

const program = new URL("./webhook-server.ts", import.meta.url).pathname;
const policy = "{key: k, subject: market, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [deciders]}, need: 1}]}]}";
const folder = mkdtempSync(join(tmpdir(), "muster-inbound-"));
const file = join(folder, "inbound.yaml");
writeFileSync(
  file,
  `sources: [{name: local, unsigned: true, approve: [approved], subject: {type: market, id: /payload/market_id}, voter: {key: "service|local", groups: [deciders]}}]`,
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const event = { event_id: "e", event_type: "approved", occurred_at: "2100-01-01T00:00:00Z", payload: { market_id: "m", digest: "d" } };

/** What the server answered; undefined when it died. */
async function deliver(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(`http://${address}/api/v1/webhooks/local`, { method: "POST", body: JSON.stringify(event) });
    return ((await response.json()) as { status: string }).status;
  } catch {
    return undefined;
  }
}

async function opened(address: string): Promise<string> {
  using amy = person(address, "amy");
  return (await ask(amy, { policyKey: "k", subject: { type: "market", id: "m", digest: "d" } })).id;
}

describe("killed", () => {
  test.each([
    ["inbound.insert:effect", "processed"],
    ["approvals.standing:effect", "processed"],
    ["approvals.advance:effect", "processed"],
    ["outbox.insert:effect", "processed"],
    ["inbound.settle:effect", "processed"],
    ["inbound.settle:committed", "already_processed"],
  ])("at %s, the next delivery is %s, and there is one vote", { timeout: 120_000 }, async (at, then) => {
    await using backing = await embeddedBacking();
    const env = { ...backing.env, MUSTER_INBOUND: file };
    let id = "";
    {
      await using muster = await startMuster(env);
      using admin = person(muster.address, "root");
      await usePolicy(admin, policy);
      id = await opened(muster.address);
      muster.signal("SIGTERM");
      await muster.ended;
    }
    {
      await using victim = await startMuster({ ...env, KILL_ON: at, KILL_AT: "1" }, [program]);
      expect(await deliver(victim.address)).toBeUndefined();
      expect(await victim.ended).toBe("SIGKILL");
    }
    await using muster = await startMuster(env);
    expect(await deliver(muster.address)).toBe(then);
    using admin = person(muster.address, "root");
    expect(await get(admin, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{ voter: { key: "service|local" } }] });
  });

  // The first transaction is rolled back, the second one keeps the failure.
  test.each([
    ["inbound.insert:effect", 1, false],
    ["inbound.insert:effect", 2, false],
    ["tasks.insert:effect", 1, false],
    ["tasks.insert:committed", 1, true],
  ])("at %s, time %i, of an event that fails: kept: %j; it succeeds in the end", { timeout: 120_000 }, async (at, nth, isKept) => {
    await using backing = await embeddedBacking();
    const env = { ...backing.env, MUSTER_INBOUND: file };
    {
      await using victim = await startMuster({ ...env, KILL_ON: at, KILL_AT: `${nth}` }, [program]);
      expect(await deliver(victim.address)).toBeUndefined();
      expect(await victim.ended).toBe("SIGKILL");
    }
    await using muster = await startMuster(env);
    using admin = person(muster.address, "root");
    const { events } = await admin.unary(InboundService.method.listInboundEvents, {});
    expect(events.map(({ status }) => status)).toEqual(isKept ? [InboundStatus.FAILED] : []);
    await usePolicy(admin, policy);
    const id = await opened(muster.address);
    if (!isKept) expect(await deliver(muster.address)).toBe("processed");
    // Otherwise by its task, which nobody has to start.
    await eventually(async () => (await get(admin, id)).decision === Decision.APPROVED || undefined, 30_000);
  });
});
