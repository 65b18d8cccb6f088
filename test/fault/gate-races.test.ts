/**
 * Two contents of one version that ask first at the same instant, through one process and through two replicas of one MySQL: there is one
 * request, for one of them; the other one is told so, and voids no vote however often it comes. `GATE_RACES` runs more of them.
 */
import { expect, test, describe } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { decide, get, person } from "../support/approvals.ts";
import { connect, type MusterClient, type Registration } from "../support/client.ts";
import { gateScene, heldBy, isHeld, ownersDecide } from "../support/gate.ts";
import { startHealthServer, type HealthServer } from "../support/health-server.ts";
import { inFlight } from "../support/in-flight.ts";
import { createDatabase, embeddedBacking, query, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { requestFor } from "../support/world.ts";

const count = Number(process.env["GATE_RACES"] ?? 200);
/** Through replicas: each takes several round trips of a busy server. */
const across = Math.ceil(count / 4);
const atOnce = 8;
const timeout = Math.max(600_000, count * 3_000);

/** One instance of each content, registered through these clients at the same moment. */
type Racer = readonly [MusterClient, HealthServer, string];

function register(name: string, [client, server, content]: Racer): Promise<Registration> {
  return client.register(requestFor(name, server, { type: ServiceType.SERVICE, capabilities: [content] }));
}

async function race(name: string, racers: readonly [Racer, Racer], owners: readonly [MusterClient, MusterClient]): Promise<void> {
  const made = await Promise.all(racers.map((racer) => register(name, racer)));
  const [held, ...others] = made.filter(isHeld);
  expect(others, "both are held").toEqual([]);
  if (!held) throw new Error(`none of ${name} is held: ${made.map(({ errorDetail, status }) => errorDetail || status.message).join("; ")}`);
  const loser = racers[made.indexOf(held) === 0 ? 1 : 0];
  expect(made.find((one) => one !== held)?.errorDetail).toMatch(/^VERSION_CONTENT_DIFFERS: .*differs in capabilities/);

  const id = heldBy(held)["approval_id"] ?? "";
  expect((await decide(owners[0], await get(owners[0], id))).counted).toBe(true);
  expect((await register(name, loser)).errorDetail).toMatch(/^VERSION_CONTENT_DIFFERS/);
  const asked = await get(owners[1], id);
  expect(asked).toMatchObject({ decision: Decision.IN_REVIEW, revision: 1, subject: { digest: heldBy(held)["digest"] } });
  expect((await decide(owners[1], asked)).approval?.decision).toBe(Decision.APPROVED);
}

/** All races, through clients of these addresses. */
async function runRaces(addresses: readonly [string, string], races: number): Promise<void> {
  await using one = await startHealthServer();
  await using two = await startHealthServer();
  using people = gateScene(addresses[0]);
  await people.turnOn(ownersDecide.replace("need: 1", "need: 2"));
  const [first, second] = addresses.map((address) => connect(address)) as [MusterClient, MusterClient];
  const owners = ["bob", "eve"].map((name, index) => person(addresses[index] ?? "", name, { groups: "owners" })) as [MusterClient, MusterClient];
  const names = Array.from({ length: races }, (_, index) => `race-${index}`);
  await inFlight(names, atOnce, (name) =>
    race(
      name,
      [
        [first, one, "parse"],
        [second, two, "split"],
      ],
      owners,
    ),
  );
  for (const client of [first, second, ...owners]) client[Symbol.dispose]();
}

describe("two contents of a version ask first", () => {
  test(`through one process, ${count} times`, { timeout }, async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster(backing.env);
    await runRaces([muster.address, muster.address], count);
  });
});

describeReal("two contents of a version ask first on two replicas", (servers) => {
  test(`${across} times: one request each`, { timeout }, async () => {
    const database = await createDatabase(servers.mysql);
    const env = { MUSTER_STORE: database.url };
    await using one = await startMuster(env);
    await using two = await startMuster(env);
    await runRaces([one.address, two.address], across);
    const requests = await query(database.url, "select subject_id, count(*) as n from approval_requests group by subject_id having n > 1");
    expect(requests).toEqual([]);
    await database.drop();
  });
});
