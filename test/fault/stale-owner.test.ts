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
import type { MusterProcess } from "../support/muster.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { describeReal } from "../support/real-servers.ts";
import { unregister } from "../support/world.ts";
import { endedAttempts, expectTruthfulEvents } from "./aftermath.ts";
import { forwardPoints, rows, uncommittedPoints } from "./crash-points.ts";
import { openScene, spawnScripted, startScripted, untilReached } from "./scene.ts";
import { realSite } from "./real-site.ts";
import { sitePool, type Site } from "./site.ts";
import { expectStory, type Story } from "./survey.ts";
import { leaseAt, openSurvived } from "./survivor.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });

const hasUndo = ({ type, at }: { readonly type: string; readonly at: string }) =>
  rows.some((row) => row.type === type && row.undos.some((event) => at.startsWith(`${event}:`)));

function untilAbandoned(muster: Pick<MusterProcess, "logged">, attemptId: string): Promise<true> {
  return eventually(async () => muster.logged().includes(`"event":"attempt.abandoned","attempt":"${attemptId}"`) || undefined, 60_000);
}

/** For a second Muster on the same servers, with a script of its own. */
function besideOf(site: Site): Site {
  const scriptFile = `${site.scriptFile}.beside`;
  return { ...site, scriptFile, env: { ...site.env, CRASH_SCRIPT: scriptFile } };
}

describeReal("a replica that stood still for longer than its lease", (servers) => {
  const tail = tailKafka(servers);
  const sites = sitePool(() => openSurvived(servers, tail));
  const plainSites = sitePool(() => realSite(servers, tail));
  afterAll(async () => {
    await plainSites[Symbol.asyncDispose]();
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
          const lease = leaseAt(site, at);
          await using stopped = await startScripted(lease.site, { at, signal: "SIGSTOP" });
          using client = connect(stopped.address);
          const registering = scene.register(client);
          await untilReached(stopped, at);
          await lease.end();

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
          await untilAbandoned(stopped, first.attemptId);
          await expectTruthfulEvents(survivor, first, seen.events);
          await expectStory(site, scene, { attempts });

          if (!registeredAgain) return;
          await unregister(survivor, scene.name, scene.module);
          await expectStory(site, scene, { attempts, unregistered: true });
        });
      });
    }
  });

  describe.concurrent("cannot commit what another is just taking back", () => {
    for (const { type, events, undos } of rows) {
      test(type, async () => {
        await using scene = await openScene(type);
        await plainSites.use(async (site) => {
          const [at, undone] = [`${events.at(-1)}:begin`, `${undos[0]}:undone`];
          await using stopped = await startScripted(site, { at, signal: "SIGSTOP" });
          using client = connect(stopped.address);
          const registering = scene.register(client);
          await untilReached(stopped, at);
          const beside = besideOf(site);
          await using other = await spawnScripted(beside, { at: undone, signal: "SIGSTOP" });
          await untilReached(other, undone);

          stopped.signal("SIGCONT");
          const seen = await registering;
          expect(seen.status.code).not.toBe(status.OK);
          await untilAbandoned(stopped, seen.attemptId);
          other.signal("SIGCONT");
          using otherClient = connect(await other.listening);
          const [first] = await endedAttempts(otherClient, scene.name);
          if (!first) throw new Error("no attempt");
          expect(first).toMatchObject({ state: AttemptState.ROLLED_BACK, errorReason: Reason.INTERRUPTED });
          await expectTruthfulEvents(otherClient, first, seen.events);
          await expectStory(site, scene, { attempts: [{ id: first.attemptId, state: "ROLLED_BACK" }] });
        });
      });
    }
  });
});
