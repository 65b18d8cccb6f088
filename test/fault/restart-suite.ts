/** kill -9 at every step and every undo: the next start in the same configuration ends the attempt, and nothing is left. */
import { afterAll, describe, test } from "vitest";
import { connect, type Registration } from "../support/client.ts";
import { expectRecovery } from "./aftermath.ts";
import { aheadPoints, forwardPoints, uncommittedPoints, undoPoints, unwindingsCutThrice, type CrashPoint } from "./crash-points.ts";
import { openLane, type Lane } from "./lane.ts";
import { openScene, registerUntilKilled, unwindUntilKilled, type Scene } from "./scene.ts";
import { sitePool, type Site } from "./site.ts";

/** Declares the tests. */
export function restartSuite(openSite: () => Promise<Site>): void {
  const lanes = sitePool(async () => openLane(await openSite()));
  afterAll(() => lanes[Symbol.asyncDispose]());

  describe.concurrent("killed and started again", () => {
    for (const point of [...forwardPoints("effect", "recorded"), ...undoPoints(), ...uncommittedPoints, ...aheadPoints]) {
      test(`${point.type} at ${point.at}`, async () => {
        // One of them with a child process that checks schemas.
        await using scene = await openScene(point.type, { withSchema: point.at === "SCHEMA_VALIDATED:effect" });
        await lanes.use(async (lane) => {
          const seen = await registerUntilKilled(lane.site, lane.muster(), scene, point);
          await restartAndSweep(lane, scene, point, seen);
        });
      });
    }

    for (const { type, failAt, ats } of unwindingsCutThrice) {
      test(`${type} three times in one unwinding`, async () => {
        await using scene = await openScene(type);
        await lanes.use(async (lane) => {
          const [at = "", ...next] = ats;
          const point = { type, at, failAt };
          const seen = await registerUntilKilled(lane.site, lane.muster(), scene, point);
          for (const again of next) await unwindUntilKilled(lane.site, again);
          await restartAndSweep(lane, scene, point, seen);
        });
      });
    }
  });
}

async function restartAndSweep(lane: Lane, scene: Scene, point: CrashPoint, seen: Registration): Promise<void> {
  await lane.site.passTime();
  const { address } = await lane.restart();
  using client = connect(address);
  await expectRecovery(lane.site, scene, client, point, seen);
}
