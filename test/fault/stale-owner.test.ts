/**
 * A replica stands still for longer than its lease (SIGSTOP, as in a frozen machine) right before or after a step's
 * effect, or in the middle of a transaction, another takes its attempt back, and then it goes on as if nothing had happened.
 */
import { status } from "@grpc/grpc-js";
import { afterAll, describe, expect, test, vi } from "vitest";
import { Reason } from "../../gen/muster/registration/v1/reasons_pb.ts";
import { AttemptState } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { describeReal } from "../support/real-servers.ts";
import { unregister } from "../support/world.ts";
import { endedAttempts, expectTruthfulEvents } from "./aftermath.ts";
import { forwardPoints, rows, uncommittedPoints } from "./crash-points.ts";
import { openScene, startScripted, untilReached } from "./scene.ts";
import { sitePool } from "./site.ts";
import type { Story } from "./survey.ts";
import { expectStory } from "./survey.ts";
import { openSurvived } from "./survivor.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 120_000 });

const hasUndo = ({ type, at }: { readonly type: string; readonly at: string }) =>
  rows.some((row) => row.type === type && row.undos.some((event) => at.startsWith(`${event}:`)));

describeReal("a replica that stood still for longer than its lease", (servers) => {
  const tail = tailKafka(servers);
  const sites = sitePool(() => openSurvived(servers, tail));
  afterAll(async () => {
    await sites[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
  });

  const late = forwardPoints("begin").map((point) => ({ ...point, registeredAgain: false }));
  const lateBesideAnother = forwardPoints("begin", "effect")
    .filter(hasUndo)
    .concat(uncommittedPoints)
    .map((point) => ({ ...point, registeredAgain: true }));

  describe.concurrent("harms nobody when it goes on", () => {
    for (const { type, at, registeredAgain } of [...late, ...lateBesideAnother]) {
      test(`${type} at ${at}${registeredAgain ? ", registered again meanwhile" : ""}`, async () => {
        await using scene = await openScene(type);
        await sites.use(async ({ site, survivor }) => {
          await using stopped = await startScripted(site, { at, signal: "SIGSTOP" });
          using client = connect(stopped.address);
          const registering = scene.register(client);
          await untilReached(stopped, at);

          const [first] = await endedAttempts(survivor, scene.name);
          if (!first) throw new Error("no attempt");
          expect(first).toMatchObject({ state: AttemptState.ROLLED_BACK, errorReason: Reason.INTERRUPTED });
          let attempts: Story["attempts"] = [{ id: first.attemptId, state: "ROLLED_BACK" }];
          await expectStory(site, scene, { attempts });
          if (registeredAgain) {
            const again = await scene.register(survivor);
            expect(again.types.at(-1), again.errorDetail).toBe("COMPLETED");
            attempts = [...attempts, { id: again.attemptId, state: "COMPLETED" }];
            await expectStory(site, scene, { attempts });
          }

          stopped.signal("SIGCONT");
          const seen = await registering;
          expect(seen.status.code).not.toBe(status.OK);
          await eventually(async () => stopped.logged().includes(`"event":"attempt.abandoned","attempt":"${first.attemptId}"`) || undefined, 60_000);
          await expectTruthfulEvents(survivor, first, seen.events);
          await expectStory(site, scene, { attempts });

          if (!registeredAgain) return;
          await unregister(survivor, scene.name, scene.module);
          await expectStory(site, scene, { attempts, unregistered: true });
        });
      });
    }
  });
});
