/** kill -9 at every step and every undo, embedded everything: the next start ends the attempt, and nothing is left. */
import { describe, test, vi } from "vitest";
import { connect } from "../support/client.ts";
import { startMuster } from "../support/muster.ts";
import { expectRecovery } from "./aftermath.ts";
import { forwardPoints, undoPoints, unwindingsCutThrice, type CrashPoint } from "./crash-points.ts";
import { openScene, registerUntilKilled, unwindUntilKilled, type Scene } from "./scene.ts";
import { embeddedSite } from "./embedded-site.ts";
import type { Site } from "./site.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 120_000 });

async function restartAndSweep(site: Site, scene: Scene, point: CrashPoint, seen: Awaited<ReturnType<typeof registerUntilKilled>>): Promise<void> {
  await using muster = await startMuster(site.env);
  using client = connect(muster.address);
  await expectRecovery(site, scene, client, point, seen);
}

describe.concurrent("killed and started again, embedded", () => {
  for (const point of [...forwardPoints("effect", "recorded"), ...undoPoints()]) {
    test(`${point.type} at ${point.at}`, async () => {
      await using site = await embeddedSite();
      // One of them with a child process that checks schemas.
      await using scene = await openScene(point.type, { withSchema: point.at === "SCHEMA_VALIDATED:effect" });
      const seen = await registerUntilKilled(site, scene, point);
      await restartAndSweep(site, scene, point, seen);
    });
  }

  for (const { type, failAt, ats } of unwindingsCutThrice) {
    test(`${type} three times in one unwinding`, async () => {
      await using site = await embeddedSite();
      await using scene = await openScene(type);
      const [at = "", ...next] = ats;
      const point = { type, at, failAt };
      const seen = await registerUntilKilled(site, scene, point);
      for (const again of next) await unwindUntilKilled(site, again);
      await restartAndSweep(site, scene, point, seen);
    });
  }
});
