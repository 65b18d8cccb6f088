/** Work that follows a commit, and a process that dies while at it: delivering events, and withdrawing what was unregistered. */
import { status } from "@grpc/grpc-js";
import { expect } from "vitest";
import { connect } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { startMuster } from "../support/muster.ts";
import { unregister } from "../support/world.ts";
import { expectRecovery } from "./aftermath.ts";
import { rows, type CrashPoint } from "./crash-points.ts";
import { expectKilled, openScene, registerUntilKilled, startScripted, type Scene } from "./scene.ts";
import type { Site } from "./site.ts";
import { expectStory, survey, type Story } from "./survey.ts";

/** Before and after an event is handed to the sink: in both cases before it is marked. */
export const publishingPoints = ["sink.publish:begin", "sink.publish:effect"] as const;
/**
 * In a store of its own an event gets its position in the commit that it belongs to: before that is given, and before it is committed, nothing
 * of the last step has happened.
 */
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

/** The step is undone after the next start, and has left nothing. */
export async function expectUndoneAfterCrash(site: Site, at: (typeof numberingPoints)[number]): Promise<void> {
  const point = { type: "SERVICE", at } as const;
  await using scene = await openScene(point.type);
  await using victim = await startScripted(site);
  const seen = await registerUntilKilled(site, victim, scene, point);
  await site.passTime();
  await using muster = await startMuster(site.env);
  using client = connect(muster.address);
  await expectRecovery(site, scene, client, point, seen);
}

/** The event comes after the next start, again if it was published, and is marked then. */
export async function expectPublishedAfterCrash(site: Site, at: (typeof publishingPoints)[number]): Promise<void> {
  await using scene = await openScene("SERVICE");
  {
    await using victim = await startScripted(site, { at, about: scene.name });
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
    await using victim = await startScripted(site, { at, about: scene.name });
    using client = connect(victim.address);
    const registered = await scene.register(client);
    expect(registered.types.at(-1), registered.errorDetail || `${registered.status.message}\n${victim.logged()}`).toBe("COMPLETED");
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
