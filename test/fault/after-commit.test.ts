/** kill -9 between a commit and what follows from it, or in it: no event is lost or invented, nothing unregistered stays behind. */
import { afterAll, describe, expect, test, vi } from "vitest";
import { connect } from "../support/client.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { unregister } from "../support/world.ts";
import {
  expectPublishedAfterCrash,
  expectUndoneAfterCrash,
  expectWithdrawnAfterCrash,
  numberingPoints,
  publishingPoints,
  withdrawalPoints,
} from "./after-commit.ts";
import { embeddedSite } from "./embedded-site.ts";
import { realSite } from "./real-site.ts";
import { openScene } from "./scene.ts";
import { sitePool } from "./site.ts";
import { expectStory, survey } from "./survey.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });

const nobodyListens = "kafka://127.0.0.1:9";

describe.concurrent("killed in a commit or after it, embedded", () => {
  for (const at of numberingPoints) {
    test(`before the commit, at ${at}`, async () => {
      await using site = await embeddedSite();
      await expectUndoneAfterCrash(site, at);
    });
  }
  for (const point of withdrawalPoints) {
    test(`${point.type} unregistering, at ${point.at}`, async () => {
      await using site = await embeddedSite();
      await expectWithdrawnAfterCrash(site, point);
    });
  }
});

describeReal("killed after a commit, real servers", (servers) => {
  const tail = tailKafka(servers);
  const sites = sitePool(() => realSite(servers, tail));
  afterAll(async () => {
    await sites[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
  });

  describe.concurrent("delivers and withdraws", () => {
    test("what was committed while Kafka was away, in order, once the dead relay's lease is over", async () => {
      await using scene = await openScene("MODULE");
      await sites.use(async (site) => {
        const blue = await (async () => {
          await using muster = await startMuster({ ...site.env, MUSTER_EVENTS: nobodyListens });
          using client = connect(muster.address);
          const first = await scene.register(client, ["blue"]);
          const second = await scene.register(client, ["green"]);
          expect([first, second].map(({ types }) => types.at(-1))).toEqual(["COMPLETED", "COMPLETED"]);
          await unregister(client, scene.name, scene.module);
          expect(await survey(site, scene)).toMatchObject({ outbox: ["Registered waiting", "Registered waiting", "Unregistered waiting"], delivered: [] });
          muster.signal("SIGKILL");
          expect(await muster.ended).toBe("SIGKILL");
          return [first, second].map(({ attemptId: id }) => ({ id, state: "COMPLETED" as const }));
        })();

        await using _muster = await startMuster(site.env);
        await expectStory(site, scene, { attempts: blue, unregistered: true });
        await using view = await site.look();
        const committed = await view.query("select id, occurred_at from outbox where event_key = ? order by position", [scene.serviceId]);
        const types = ["ModuleRegistered", "ModuleRegistered", "ModuleUnregistered"];
        expect(tail.events(scene.serviceId)).toEqual(
          committed.map(({ id, occurred_at: at }, index) => ({
            id,
            type: `ai.pipestream.platform.registration.v1.${types[index]}`,
            time: new Date(Number(at)).toISOString(),
          })),
        );
      });
    });

    test("an entry whose Unregister died, by itself, within a minute", async () => {
      await sites.use(async (site) =>
        expectWithdrawnAfterCrash({ ...site, passTime: async () => undefined }, { type: "MODULE", at: "catalog.deregister:begin" }),
      );
    });

    for (const at of publishingPoints) test(at, async () => sites.use((site) => expectPublishedAfterCrash(site, at)));

    for (const point of withdrawalPoints) {
      test(`${point.type} unregistering, at ${point.at}`, async () => sites.use((site) => expectWithdrawnAfterCrash(site, point)));
    }
  });
});
