/** kill -9 at every step and every undo while another replica runs on the same servers: that one ends the attempt. */
import { afterAll, describe, test, vi } from "vitest";
import { tailKafka } from "../support/kafka-tail.ts";
import { describeReal } from "../support/real-servers.ts";
import { expectRecovery } from "./aftermath.ts";
import { forwardPoints, uncommittedPoints, undoPoints } from "./crash-points.ts";
import { leaseAt, openSurvived } from "./survivor.ts";
import { openScene, registerUntilKilled, startScripted } from "./scene.ts";
import { sitePool } from "./site.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });

describeReal("killed beside another replica", (servers) => {
  const tail = tailKafka(servers);
  const sites = sitePool(() => openSurvived(servers, tail));
  afterAll(async () => {
    await sites[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
  });

  describe.concurrent("once", () => {
    for (const point of [...forwardPoints("effect", "recorded"), ...undoPoints(), ...uncommittedPoints]) {
      test(`${point.type} at ${point.at}`, async () => {
        await using scene = await openScene(point.type);
        await sites.use(async ({ site, survivor }) => {
          const lease = leaseAt(site, point.at);
          await using victim = await startScripted(lease.site);
          const seen = await registerUntilKilled(site, victim, scene, point);
          await lease.end();
          await expectRecovery(site, scene, survivor, point, seen);
        });
      });
    }
  });
});
