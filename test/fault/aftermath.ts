/** What must hold after the process of an attempt died. */
import { status } from "@grpc/grpc-js";
import { expect } from "vitest";
import { EventType, type RegistrationEvent } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Reason } from "../../gen/muster/registration/v1/reasons_pb.ts";
import { AttemptState, RegistrationService, type Attempt } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import type { MusterClient, Registration } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { unregister } from "../support/world.ts";
import { outcomeOf, type CrashPoint } from "./crash-points.ts";
import type { Scene } from "./scene.ts";
import type { Site } from "./site.ts";
import { expectStory, type Story } from "./survey.ts";

const finalStates: readonly number[] = [AttemptState.COMPLETED, AttemptState.ROLLED_BACK, AttemptState.STUCK];

/** Waits until every attempt of the name has ended; newest first. */
export function endedAttempts(client: MusterClient, name: string): Promise<readonly Attempt[]> {
  return eventually(
    async () => {
      const { attempts } = await client.unary(RegistrationService.method.listAttempts, { name });
      return attempts.length > 0 && attempts.every(({ state }) => finalStates.includes(state)) ? attempts : undefined;
    },
    60_000,
    50,
  );
}

/**
 * The first attempt of the scene, cut at `point`, has ended as it must, by itself, and has left nothing; the module can
 * register again, and unregister. `seen` is what the client saw before the crash.
 */
export async function expectRecovery(site: Site, scene: Scene, client: MusterClient, point: CrashPoint, seen: Registration): Promise<void> {
  const [first, ...others] = await endedAttempts(client, scene.name);
  expect(others).toEqual([]);
  if (!first) return;
  const state = outcomeOf(point);
  expect(first.state).toBe(AttemptState[state]);
  const reason = point.failAt === undefined ? Reason.INTERRUPTED : Reason.DEPENDENCY_REFUSED;
  expect(first.errorReason).toBe(state === "COMPLETED" ? Reason.UNSPECIFIED : reason);
  await expectTruthfulEvents(client, first, seen.events);
  const cut = { id: first.attemptId, state };
  await expectStory(site, scene, { attempts: [cut] });

  const again = await scene.register(client);
  expect(again.types.at(-1), again.errorDetail).toBe("COMPLETED");
  // What is registered already is no attempt.
  const attempts: Story["attempts"] = state === "COMPLETED" ? [cut] : [cut, { id: again.attemptId, state: "COMPLETED" }];
  await expectStory(site, scene, { attempts });

  expect(await unregister(client, scene.name, scene.module)).toMatchObject({ success: true, message: "unregistered" });
  await expectStory(site, scene, { attempts, unregistered: true });
}

/** The events of an ended attempt: no gap, one terminal event, the last; the same from any place on; first those that were `seen`. */
export async function expectTruthfulEvents(client: MusterClient, attempt: Attempt, seen: readonly RegistrationEvent[]): Promise<void> {
  const all = await replay(client, attempt.attemptId, 0);
  expect(all.map(({ sequence }) => Number(sequence))).toEqual(all.map((_, index) => index + 1));
  expect(Number(attempt.lastSequence)).toBe(all.length);
  const terminal = all.filter(({ eventType }) => eventType === EventType.COMPLETED || eventType === EventType.FAILED);
  expect(terminal).toEqual(all.slice(-1));
  expect(terminal[0]?.eventType).toBe(attempt.state === AttemptState.COMPLETED ? EventType.COMPLETED : EventType.FAILED);
  expect(all.slice(0, seen.length)).toEqual(seen);
  expect(await replay(client, attempt.attemptId, all.length - 2)).toEqual(all.slice(-2));
}

async function replay(client: MusterClient, attemptId: string, after: number): Promise<readonly RegistrationEvent[]> {
  const { messages, status: ended } = await client.stream(RegistrationService.method.watchAttempt, { attemptId, afterSequence: BigInt(after) });
  expect(ended.code).toBe(status.OK);
  return messages.flatMap(({ item }) => (item.case === "event" ? [item.value] : []));
}
