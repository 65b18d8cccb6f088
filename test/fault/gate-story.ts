/** What must hold of an instance that people decide on, whatever died meanwhile: seen in every backend, from outside. */
import { expect } from "vitest";
import { RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { MusterClient, Registration } from "../support/client.ts";
import { isHeld } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { unregister } from "../support/world.ts";
import type { Scene } from "./scene.ts";
import type { Site } from "./site.ts";
import { expectStory, type Story } from "./survey.ts";

const endings: Readonly<Record<string, Story["attempts"][number]["state"]>> = { COMPLETED: "COMPLETED", ROLLED_BACK: "ROLLED_BACK", PENDING_APPROVAL: "HELD" };

/** The attempts of the instance, oldest first, when all have ended. */
async function ended(site: Site, { serviceId }: Scene): Promise<Story["attempts"] | undefined> {
  await using view = await site.look();
  const rows = await view.query("select id, state, outcome from attempts where service_id = ? order by id", [serviceId]);
  const attempts = rows.flatMap(({ id, state, outcome }) => {
    const ending = endings[outcome === "PENDING_APPROVAL" ? outcome : String(state)];
    return ending ? [{ id: String(id), state: ending }] : [];
  });
  return attempts.length === rows.length ? attempts : undefined;
}

const statesOf = (attempts: Story["attempts"]): string => attempts.map(({ state }) => state).join(" ");

/** Waits until the attempts have ended like this: their states, the oldest first. */
export function endedLike(site: Site, scene: Scene, pattern: RegExp): Promise<Story["attempts"]> {
  let last = "";
  return eventually(
    async () => {
      const attempts = await ended(site, scene);
      last = attempts ? statesOf(attempts) : last;
      return attempts && pattern.test(statesOf(attempts)) ? attempts : undefined;
    },
    90_000,
    100,
  ).catch((error: unknown) => {
    expect(last).toMatch(pattern);
    throw error;
  });
}

/** The instance waits, and nothing of it is anywhere. Resolves to what it waits for. */
export async function expectHeld(site: Site, scene: Scene, client: MusterClient): Promise<Registration> {
  const held = await scene.register(client);
  expect(isHeld(held), held.errorDetail || held.status.message).toBe(true);
  await expectStory(site, scene, { attempts: await endedLike(site, scene, /^(ROLLED_BACK )*HELD$/) });
  return held;
}

/** It has gone live without anybody's doing, once; a request for it changes nothing; and it ends by one Unregister. */
export async function expectLiveOnce(site: Site, scene: Scene, client: MusterClient): Promise<void> {
  const attempts = await endedLike(site, scene, /^(ROLLED_BACK )*HELD( ROLLED_BACK)* COMPLETED$/);
  await expectStory(site, scene, { attempts });
  expect((await scene.register(client)).events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
  // Whether the catalog has followed within the five seconds that Unregister waits is a matter of the machine: the first look of a process at
  // its tasks has been seen to take that long when it had to wait for the processor. That it follows is what the story says.
  expect((await unregister(client, scene.name, scene.module)).success).toBe(true);
  await expectStory(site, scene, { attempts, unregistered: true });
}
