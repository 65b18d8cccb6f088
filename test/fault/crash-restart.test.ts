/** kill -9 at every step and every undo, on the real servers: the next start ends the attempt, and nothing is left anywhere. */
import { afterAll, describe, test, vi } from "vitest";
import { connect, type Registration } from "../support/client.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { expectRecovery } from "./aftermath.ts";
import { forwardPoints, undoPoints, unwindingsCutThrice, type CrashPoint } from "./crash-points.ts";
import { realSite } from "./real-site.ts";
import { openScene, registerUntilKilled, unwindUntilKilled, type Scene } from "./scene.ts";
import { sitePool, type Site } from "./site.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 120_000 });

/** The relay's lease of 20 s is made to end; that it does so by itself is for `outbox.test.ts`. */
async function restartAndSweep(site: Site, scene: Scene, point: CrashPoint, seen: Registration): Promise<void> {
  await site.passTime();
  await using muster = await startMuster(site.env);
  using client = connect(muster.address);
  await expectRecovery(site, scene, client, point, seen);
}

describeReal("killed and started again, real servers", (servers) => {
  const tail = tailKafka(servers);
  const sites = sitePool(() => realSite(servers, tail));
  afterAll(async () => {
    await sites[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
  });

  describe.concurrent("once", () => {
    for (const point of [...forwardPoints("effect", "recorded"), ...undoPoints()]) {
      test(`${point.type} at ${point.at}`, async () => {
        await using scene = await openScene(point.type);
        await sites.use(async (site) => {
          const seen = await registerUntilKilled(site, scene, point);
          await restartAndSweep(site, scene, point, seen);
        });
      });
    }
  });

  describe.concurrent("three times in one unwinding", () => {
    for (const { type, failAt, ats } of unwindingsCutThrice) {
      test(type, async () => {
        await using scene = await openScene(type);
        await sites.use(async (site) => {
          const [at = "", ...next] = ats;
          const point = { type, at, failAt };
          const seen = await registerUntilKilled(site, scene, point);
          for (const again of next) await unwindUntilKilled(site, again);
          await restartAndSweep(site, scene, point, seen);
        });
      });
    }
  });
});
