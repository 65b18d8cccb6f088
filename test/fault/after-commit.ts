/** Work that follows a commit, and a process that dies while at it: delivering events, and withdrawing what was unregistered. */
import { status } from "@grpc/grpc-js";
import { expect } from "vitest";
import { connect } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { startMuster } from "../support/muster.ts";
import { unregister } from "../support/world.ts";
import { rows, type CrashPoint } from "./crash-points.ts";
import { expectKilled, openScene, startScripted, type Scene } from "./scene.ts";
import type { Site } from "./site.ts";
import { expectStory, survey, type Story } from "./survey.ts";

/** Before and after an event is handed to the sink: in both cases before it is marked. */
export const publishingPoints = ["sink.publish:begin", "sink.publish:effect"] as const;
/** The same without a sink: before a position is given, and before that is committed. */
export const numberingPoints = ["eventLog.number:begin", "eventLog.number:effect"] as const;

/** Between an Unregister's commit and the end of what follows from it, for each type. */
export const withdrawalPoints: readonly CrashPoint[] = rows.flatMap(({ type, events }) => {
  const calls = events.includes("APICURIO_REGISTERED") ? ["catalog.deregister", "schemas.disable"] : ["catalog.deregister"];
  return calls.flatMap((call) => [`${call}:begin`, `${call}:effect`].map((at) => ({ type, at })));
});

async function completedAttempts(site: Site, { name }: Scene): Promise<Story["attempts"]> {
  await using view = await site.look();
  const found = await view.query("select id from attempts where name = ?", [name]);
  return found.map(({ id }) => ({ id: String(id), state: "COMPLETED" }));
}

/** The event comes after the next start, again if it was published, and is marked then. */
export async function expectPublishedAfterCrash(site: Site, at: (typeof publishingPoints | typeof numberingPoints)[number]): Promise<void> {
  await using scene = await openScene("SERVICE");
  {
    await using victim = await startScripted(site, { at });
    using client = connect(victim.address);
    await scene.register(client);
    await expectKilled(victim, at);
  }
  const isDelivered = at === "sink.publish:effect";
  await eventually(async () => {
    const seen = await survey(site, scene);
    expect(seen.outbox).toEqual(["Registered waiting"]);
    return (seen.delivered === "as recorded") === isDelivered || undefined;
  });
  await site.passTime();
  await using muster = await startMuster(site.env);
  using client = connect(muster.address);
  const attempts = await completedAttempts(site, scene);
  await expectStory(site, scene, { attempts });
  await unregister(client, scene.name, scene.module);
  await expectStory(site, scene, { attempts, unregistered: true });
}

/** The entry goes, the schema version is disabled, and one event tells it, within the minute a dead replica's task takes at most. */
export async function expectWithdrawnAfterCrash(site: Site, { type, at }: CrashPoint): Promise<void> {
  await using scene = await openScene(type);
  {
    await using victim = await startScripted(site, { at });
    using client = connect(victim.address);
    const registered = await scene.register(client);
    expect(registered.types.at(-1), registered.errorDetail).toBe("COMPLETED");
    await expect(unregister(client, scene.name, scene.module)).rejects.toMatchObject({ status: { code: status.UNAVAILABLE } });
    await expectKilled(victim, at);
  }
  await site.passTime();
  await using muster = await startMuster(site.env);
  using client = connect(muster.address);
  const attempts = await completedAttempts(site, scene);
  await expectStory(site, scene, { attempts, unregistered: true }, 90_000);
  await unregister(client, scene.name, scene.module);
  await expectStory(site, scene, { attempts, unregistered: true });
}
