/**
 * kill -9 at every instant from the end of a trial to the end of the attempt that an approval begins. What is killed before it is held
 * was interrupted, and asks again; what is approved goes live by itself after the next start, once; nothing is live before.
 */
import { status } from "@grpc/grpc-js";
import { afterAll, describe, expect, test } from "vitest";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { get } from "../support/approvals.ts";
import { connect, type Registration } from "../support/client.ts";
import { gateScene, heldBy } from "../support/gate.ts";
import { forwardPoints, rows, undoPoints, type CrashPoint } from "./crash-points.ts";
import { endedLike, expectHeld, expectLiveOnce } from "./gate-story.ts";
import { openLane, type Lane } from "./lane.ts";
import { direct, expectKilled, openScene, registerUntilKilled, type Scene } from "./scene.ts";
import { sitePool, type Site } from "./site.ts";
import { expectStory } from "./survey.ts";

type Point = CrashPoint & { readonly isPlain?: boolean };

const module = rows.filter(({ type }) => type === "MODULE");
const of = (type: CrashPoint["type"], ats: readonly string[]): readonly Point[] => ats.map((at) => ({ type, at, isPlain: type === "SERVICE" }));
/** What is taken back when the gate says so, the last first: of a module its pending registration with all before. */
const undone = module.flatMap(({ undos }) => undos.filter((event) => event !== "COMPLETED").toReversed());

/** Until the commit that holds it. */
const beforeHeld: readonly Point[] = [
  ...of("MODULE", ["gate.state:effect", `${undone[0]}:undo`, ...undone.map((event) => `${event}:undone`), "asks.put:effect"]),
  // Without a schema it is asked at the end.
  ...of("SERVICE", ["COMPLETED:undo", "CONSUL_REGISTERED:undone", "asks.put:effect"]),
];

/** Right after that commit, before anybody is told. */
const afterHeld: readonly Point[] = [...of("MODULE", ["DATABASE_SAVED:held"]), ...of("SERVICE", ["COMPLETED:held"])];

/** From the decision to the end of the attempt. */
const fromDecision: readonly Point[] = [
  // In the transaction that decides.
  ...of("MODULE", ["gate.admit:effect", "asks.setAdmitted:effect"]),
  // In the one that begins the attempt.
  ...of("MODULE", ["attempts.insert:begin", "attempts.insert:effect"]),
  ...forwardPoints("effect", "recorded").filter(({ type }) => type === "MODULE"),
  // In the one that makes it live, and after it.
  ...of("MODULE", ["asks.delete:effect", "tasks.done:begin"]),
  ...of("SERVICE", ["CONSUL_HEALTHY:effect", "COMPLETED:effect", "COMPLETED:recorded"]),
];

/** The attempt fails at its end, for good. */
const inVain: readonly Point[] = undoPoints(module);

/** Declares the tests. */
export function gateCrashSuite(openSite: () => Promise<Site>): void {
  const lanes = sitePool(async () => {
    const lane = await openLane(await openSite());
    using scene = gateScene(lane.muster().address);
    await scene.turnOn();
    return lane;
  });
  afterAll(() => lanes[Symbol.asyncDispose]());

  describe.concurrent("killed and started again, with the gate on", () => {
    for (const point of beforeHeld) {
      test(`${titleOf(point)}, before it is held`, async () => {
        await using scene = await openScene(point.type, point);
        await lanes.use(async (lane) => {
          const { site } = lane;
          await registerUntilKilled(site, lane.muster(), scene, point);
          using client = connect(await restarted(lane));
          await expectStory(site, scene, { attempts: await endedLike(site, scene, /^ROLLED_BACK$/) });
          await approve(lane, await expectHeld(site, scene, client));
          await expectLiveOnce(site, scene, client);
        });
      });
    }

    for (const point of afterHeld) {
      test(`${titleOf(point)}, when it is held`, async () => {
        await using scene = await openScene(point.type, point);
        await lanes.use(async (lane) => {
          const { site } = lane;
          await registerUntilKilled(site, lane.muster(), scene, point);
          using client = connect(await restarted(lane));
          // It is answered from its ask.
          await approve(lane, await expectHeld(site, scene, client));
          await expectLiveOnce(site, scene, client);
        });
      });
    }

    for (const point of fromDecision) {
      test(`${titleOf(point)}, after the vote`, async () => {
        await using scene = await openScene(point.type, point);
        await lanes.use(async (lane) => {
          using client = connect(await voteUntilKilled(lane, scene, point));
          await expectLiveOnce(lane.site, scene, client);
        });
      });
    }

    for (const point of inVain) {
      test(`${titleOf(point)} of the attempt that the approval begins`, async () => {
        await using scene = await openScene(point.type, point);
        await lanes.use(async (lane) => {
          const { site } = lane;
          using client = connect(await voteUntilKilled(lane, scene, point));
          await expectStory(site, scene, { attempts: await endedLike(site, scene, /^HELD ROLLED_BACK$/) });
          // Its content stays approved.
          expect((await scene.register(client)).types.at(-1)).toBe("COMPLETED");
          await expectLiveOnce(site, scene, client);
        });
      });
    }
  });
}

function titleOf({ type, at }: Point): string {
  return `${type} at ${at}`;
}

/** The address of the next Muster, for which all leases of the dead one are over. */
async function restarted(lane: Lane): Promise<string> {
  await lane.site.passTime();
  return (await lane.restart()).address;
}

async function approve(lane: Lane, held: Registration): Promise<void> {
  using people = gateScene(lane.muster().address);
  await people.approve(held);
}

/**
 * It is held, approved, and the Muster dies at the point. When that is before the vote is durable, it is given again to the next one, whose
 * address this resolves to.
 */
async function voteUntilKilled(lane: Lane, scene: Scene, { at, failAt }: Point): Promise<string> {
  const { site } = lane;
  const victim = lane.muster();
  using client = connect(victim.address);
  const held = await expectHeld(site, scene, client);
  await direct(site, failAt === undefined ? { at } : { at, failAt });
  await approve(lane, held).catch(() => undefined);
  await expectKilled(victim, at);
  await direct(site, {});
  const address = await restarted(lane);
  using people = gateScene(address);
  const { decision } = await get(people.bob, heldBy(held)["approval_id"] ?? "");
  if (decision === Decision.APPROVED) return address;
  expect(decision).toBe(Decision.IN_REVIEW);
  expect((await expectHeld(site, scene, people.admin)).status.code).toBe(status.OK);
  await people.approve(held);
  return address;
}
