/**
 * A healthy instance registers again with other tags, and that goes wrong at every step and every undo: consumers find it
 * all the time, and when it is over it serves as before, or, when the commit was through, as the new request says.
 */
import { status } from "@grpc/grpc-js";
import { afterAll, describe, expect, test, vi } from "vitest";
import { AttemptState } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { describeReal } from "../support/real-servers.ts";
import { unregister } from "../support/world.ts";
import { endedAttempts, expectTruthfulEvents } from "./aftermath.ts";
import { watchAsConsumers, type Consumers } from "./consumers.ts";
import { forwardPoints, outcomeOf, rows, undoPoints } from "./crash-points.ts";
import { openScene, registerUntilKilled, startScripted, type Scene } from "./scene.ts";
import { sitePool } from "./site.ts";
import { expectStory, type Story } from "./survey.ts";
import { openSurvived } from "./survivor.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });

async function registerFirst(scene: Scene, client: MusterClient): Promise<Story["attempts"][number]> {
  const first = await scene.register(client, ["blue"]);
  expect(first.types.at(-1), first.errorDetail).toBe("COMPLETED");
  return { id: first.attemptId, state: "COMPLETED" };
}

/** One entry at any time: the former one, or for a moment the one that was to replace it. */
function expectNoGap(consumers: Consumers, formerId: string): void {
  expect(consumers.looks()).toBeGreaterThan(10);
  for (const shown of consumers.shown()) {
    expect(shown).toHaveLength(1);
    expect(shown[0]?.tags).toEqual([shown[0]?.attemptId === formerId ? "blue" : "green"]);
  }
}

describeReal("a healthy instance that registers again", (servers) => {
  const tail = tailKafka(servers);
  const sites = sitePool(() => openSurvived(servers, tail));
  afterAll(async () => {
    await sites[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
  });

  describe.concurrent("serves on when Muster is killed", () => {
    for (const point of [...forwardPoints("effect"), ...undoPoints()]) {
      test(`${point.type} at ${point.at}`, async () => {
        await using scene = await openScene(point.type);
        await sites.use(async ({ site, survivor }) => {
          const first = await registerFirst(scene, survivor);
          await expectStory(site, scene, { attempts: [first], tags: ["blue"] });
          await using consumers = watchAsConsumers(site, scene.name);
          await using victim = await startScripted(site);
          const seen = await registerUntilKilled(site, victim, scene, point, ["green"]);
          await site.endLeases();
          const [second] = await endedAttempts(survivor, scene.name);
          if (!second) throw new Error("no attempt");
          const state = outcomeOf(point);
          expect(second.state).toBe(AttemptState[state]);
          await expectTruthfulEvents(survivor, second, seen.events);
          const attempts = [first, { id: second.attemptId, state }];
          await expectStory(site, scene, { attempts, tags: [state === "COMPLETED" ? "green" : "blue"] });
          expectNoGap(consumers, first.id);
          await consumers[Symbol.asyncDispose]();

          await unregister(survivor, scene.name, scene.module);
          await expectStory(site, scene, { attempts, unregistered: true });
        });
      });
    }
  });

  describe.concurrent("serves on when a step fails", () => {
    for (const { type, events } of rows) {
      test(`${type}, every step in turn`, async () => {
        await using scene = await openScene(type);
        await sites.use(async ({ site, survivor }) => {
          const first = await registerFirst(scene, survivor);
          await using failing = await startScripted(site, { failAt: events.join(",") });
          using client = connect(failing.address);
          await using consumers = watchAsConsumers(site, scene.name);
          let attempts: Story["attempts"] = [first];
          for (const event of events) {
            const again = await scene.register(client, ["green"]);
            expect(again.errorDetail).toBe(`DEPENDENCY_REFUSED: scripted to fail at ${event}:effect`);
            expect(again.status.code).toBe(status.OK);
            attempts = [...attempts, { id: again.attemptId, state: "ROLLED_BACK" }];
            await expectStory(site, scene, { attempts, tags: ["blue"] });
          }
          expectNoGap(consumers, first.id);
          await consumers[Symbol.asyncDispose]();

          await unregister(survivor, scene.name, scene.module);
          await expectStory(site, scene, { attempts, unregistered: true });
        });
      });
    }
  });
});
