/**
 * kill -9 at every instant of an event from outside, delivered or read: it comes again, and its vote is cast once; what was kept as failed is
 * tried again, what cannot be read is kept once. On the embedded store and on MySQL.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { InboundService, InboundStatus } from "../../gen/muster/approval/v1/inbound_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { startEventServer, type EventServer } from "../support/event-server.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const program = new URL("./webhook-server.ts", import.meta.url).pathname;
const { listInboundEvents, listInboundSources } = InboundService.method;
const policy = "{key: k, subject: market, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [deciders]}, need: 1}]}]}";
const folder = mkdtempSync(join(tmpdir(), "muster-inbound-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file with one source. */
function fileWith(more: string): string {
  const file = join(folder, `${crypto.randomUUID()}.yaml`);
  const source = `name: local, ${more}, approve: [approved], subject: {type: market, id: /payload/market_id}, voter: {key: "service|local", groups: [deciders]}`;
  writeFileSync(file, `sources: [{${source}}]`);
  return file;
}
const unsigned = fileWith("unsigned: true");

const event = (market = "m") => ({
  event_id: `e-${market}`,
  event_type: "approved",
  occurred_at: "2100-01-01T00:00:00Z",
  payload: { market_id: market, digest: "d" },
});

/** What the server answered; undefined when it died. */
async function deliver(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(`http://${address}/api/v1/webhooks/local`, { method: "POST", body: JSON.stringify(event()) });
    return ((await response.json()) as { status: string }).status;
  } catch {
    return undefined;
  }
}

async function opened(address: string, market = "m"): Promise<string> {
  using amy = person(address, "amy");
  return (await ask(amy, { policyKey: "k", subject: { type: "market", id: market, digest: "d" } })).id;
}

/** Requests about markets, opened by a server that stops after that. */
async function prepared(env: Backing["env"], markets: readonly string[]): Promise<readonly string[]> {
  await using muster = await startMuster(env);
  using admin = person(muster.address, "root");
  await usePolicy(admin, policy);
  const ids: string[] = [];
  for (const market of markets) ids.push(await opened(muster.address, market));
  muster.signal("SIGTERM");
  await muster.ended;
  return ids;
}

function webhookTests(open: () => Promise<Backing>, run: Pick<typeof test, "each"> = test): void {
  run.each([
    ["inbound.insert:effect", "processed"],
    ["approvals.standing:effect", "processed"],
    ["approvals.advance:effect", "processed"],
    ["outbox.insert:effect", "processed"],
    ["inbound.settle:effect", "processed"],
    ["inbound.settle:committed", "already_processed"],
  ])("at %s, the next delivery is %s, and there is one vote", { timeout: 120_000 }, async (at, then) => {
    await using backing = await open();
    const env = { ...backing.env, MUSTER_INBOUND: unsigned };
    const [id = ""] = await prepared(env, ["m"]);
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
  run.each([
    ["inbound.insert:effect", 1, false],
    ["inbound.insert:effect", 2, false],
    ["tasks.insert:effect", 1, false],
    ["tasks.insert:committed", 1, true],
  ])("at %s, time %i, of an event that fails: kept: %j; it succeeds in the end", { timeout: 120_000 }, async (at, nth, isKept) => {
    await using backing = await open();
    const env = { ...backing.env, MUSTER_INBOUND: unsigned };
    {
      await using victim = await startMuster({ ...env, KILL_ON: at, KILL_AT: `${nth}` }, [program]);
      expect(await deliver(victim.address)).toBeUndefined();
      expect(await victim.ended).toBe("SIGKILL");
    }
    await using muster = await startMuster(env);
    using admin = person(muster.address, "root");
    const { events } = await admin.unary(listInboundEvents, {});
    expect(events.map(({ status }) => status)).toEqual(isKept ? [InboundStatus.FAILED] : []);
    await usePolicy(admin, policy);
    const id = await opened(muster.address);
    if (!isKept) expect(await deliver(muster.address)).toBe("processed");
    // Otherwise by its task, which nobody has to start.
    await eventually(async () => (await get(admin, id)).decision === Decision.APPROVED || undefined, 60_000);
  });
}

const markets = ["a", "b", "c"];

/** A source that has an event about each market, and one in between that cannot be read. */
async function sourceOfEvents(): Promise<{ readonly server: EventServer; readonly file: string }> {
  const server = await startEventServer();
  server.events.push(event("a"), { event_id: "poison" }, event("b"), event("c"));
  return { server, file: fileWith(`poll: {url: "${server.url}", every: 1s, cursor: {param: after, from: /next}}`) };
}

async function killedWhileReading(open: () => Promise<Backing>, kill: { readonly at: string; readonly nth: number } | "asked"): Promise<void> {
  await using backing = await open();
  const { server, file } = await sourceOfEvents();
  await using _server = server;
  const ids = await prepared(backing.env, markets);
  const env = { ...backing.env, MUSTER_INBOUND: file };
  {
    const when: Record<string, string> = kill === "asked" ? {} : { KILL_ON: kill.at, KILL_AT: `${kill.nth}` };
    if (kill === "asked") server.answer(() => victim.signal("SIGKILL"));
    await using victim = await startMuster({ ...env, ...when }, [program]);
    expect(await victim.ended).toBe("SIGKILL");
  }
  server.answer(undefined);
  await using muster = await startMuster(env);
  using admin = person(muster.address, "root");
  // The lease of a dead replica may have to end first.
  await eventually(async () => (await admin.unary(listInboundSources, {})).sources.find(({ poll }) => poll?.cursor === "4"), 150_000);
  for (const id of ids) expect(await get(admin, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{ voter: { key: "service|local" } }] });
  const { events } = await admin.unary(listInboundEvents, {});
  expect(events.map(({ eventId, status }) => [eventId, status]).toSorted()).toEqual([
    ["e-a", InboundStatus.SUCCEEDED],
    ["e-b", InboundStatus.SUCCEEDED],
    ["e-c", InboundStatus.SUCCEEDED],
    ["poison", InboundStatus.PARKED],
  ]);
}

/** In the order of a round. */
const instants = [
  ["inboundPolls.lock:effect", 1],
  ["inboundPolls.save:effect", 1],
  ["inboundPolls.save:committed", 1],
  ["inbound.known:effect", 1],
  ["inbound.insert:effect", 1],
  ["inbound.settle:committed", 1],
  ["inbound.insert:effect", 2],
  ["inbound.settle:committed", 2],
  ["approvals.standing:effect", 2],
  ["inbound.settle:effect", 3],
  ["inboundPolls.lock:effect", 2],
  ["inboundPolls.save:effect", 2],
  ["inboundPolls.save:committed", 2],
] as const;

describe("killed", () => {
  webhookTests(embeddedBacking);

  test.each(instants)("while it reads a source, at %s, time %i: all of it is taken, once", { timeout: 120_000 }, (at, nth) =>
    killedWhileReading(embeddedBacking, { at, nth }),
  );

  test("while a source is asked: it is asked again", { timeout: 120_000 }, () => killedWhileReading(embeddedBacking, "asked"));
});

describeReal("killed, on MySQL", (servers) => {
  // Several at once: they mostly wait, for databases and for the lease of the dead one.
  webhookTests(() => realBacking(servers), test.concurrent);

  test.concurrent.each(instants.filter(([at, nth]) => nth === 2 || /save|known/.test(at)))(
    "while it reads a source, at %s, time %i: all of it is taken, once",
    { timeout: 300_000 },
    (at, nth) => killedWhileReading(() => realBacking(servers), { at, nth }),
  );
});
