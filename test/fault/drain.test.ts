/** SIGTERM while twenty clients register, some of them in vain: each call gets its outcome, and the process ends cleanly and in time. */
import { status } from "@grpc/grpc-js";
import { afterAll, describe, expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type Registration } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { unregister } from "../support/world.ts";
import { embeddedSite } from "./embedded-site.ts";
import { realSite } from "./real-site.ts";
import { openScene, type Scene } from "./scene.ts";
import type { Site } from "./site.ts";
import { expectStory } from "./survey.ts";

/** Half of it is what a drain may take; the rest is for a machine that stands still now and then. */
const endsMs = 40_000;

async function expectCleanDrain(site: Site): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const open = async (count: number, ...options: Parameters<typeof openScene>) =>
    Promise.all(Array.from({ length: count }, async () => stack.use(await openScene(...options))));
  const never = [...(await open(5, "MODULE", { status: "NOT_SERVING" })), ...(await open(5, "SERVICE", { status: "NOT_SERVING" }))];
  const late = await open(5, "SERVICE", { status: "NOT_SERVING" });
  const slow = await open(5, "MODULE", { delayMs: 3_000 });

  const muster = stack.use(await startMuster(site.env));
  const client = stack.use(connect(muster.address));
  let started = 0;
  const register = (scene: Scene): Promise<readonly [Scene, Registration]> =>
    scene.register(client, [], ({ eventType }) => void (started += eventType === EventType.CONSUL_REGISTERED ? 1 : 0)).then((ended) => [scene, ended] as const);
  const registering = [...never, ...late, ...slow].map(register);
  await eventually(async () => started === registering.length || undefined, 60_000);

  const begun = performance.now();
  muster.signal("SIGTERM");
  await eventually(async () => muster.logged().includes('"event":"server.stopping"') || undefined);
  for (const { module } of late) module.setStatus("SERVING");
  const latecomer = stack.use(await openScene("SERVICE"));
  const refused = await latecomer.register(client);
  expect(refused.events).toEqual([]);
  expect(refused.status.code).toBe(status.UNAVAILABLE);

  const results = new Map(await Promise.all(registering));
  expect(await muster.ended).toBe(0);
  expect(performance.now() - begun).toBeLessThan(endsMs);
  for (const scene of never) {
    const ended = results.get(scene);
    expect(ended?.status, scene.name).toMatchObject({ code: status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
    expect(ended?.types.at(-1)).toBe("FAILED");
    await expectStory(site, scene, { attempts: [{ id: ended?.attemptId ?? "", state: "ROLLED_BACK" }] });
  }

  await using next = await startMuster(site.env);
  using nextClient = connect(next.address);
  for (const scene of [...late, ...slow]) {
    const ended = results.get(scene);
    expect(ended?.types.at(-1), ended?.errorDetail).toBe("COMPLETED");
    const attempts = [{ id: ended?.attemptId ?? "", state: "COMPLETED" }] as const;
    await expectStory(site, scene, { attempts });
    await unregister(nextClient, scene.name, scene.module);
    await expectStory(site, scene, { attempts, unregistered: true });
  }
}

describe.concurrent("SIGTERM, embedded", () => {
  test("drains", { timeout: 300_000 }, async () => {
    await using site = await embeddedSite();
    await expectCleanDrain(site);
  });
});

describeReal("SIGTERM, real servers", (servers) => {
  const tail = tailKafka(servers);
  afterAll(() => tail[Symbol.asyncDispose]());

  test("drains", { timeout: 300_000 }, async () => {
    await using site = await realSite(servers, tail);
    await expectCleanDrain(site);
  });
});
