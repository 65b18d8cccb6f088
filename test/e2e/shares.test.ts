/** One caller takes all he can, by a stock client; another one with a token of its own registers as ever. */
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { embeddedBacking, realBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";
import { startOwnConsul } from "../support/own-consul.ts";
import { principals, type Principals } from "../support/principals.ts";
import { describeReal, type RealServers } from "../support/real-servers.ts";
import { requestFor } from "../support/world.ts";

type Who = "modest" | "greedy" | "reader";

interface Scene extends AsyncDisposable {
  as(who: Who): MusterClient;
}

async function open(back: () => Promise<Backing>): Promise<Scene> {
  await using opening = new AsyncDisposableStack();
  const { env } = opening.use(await back());
  const callers: Principals<Who> = opening.use(await principals({ modest: "registrar", greedy: "registrar", reader: "viewer" }));
  const muster: MusterProcess = opening.use(await startMuster({ ...env, ...callers.env }));
  const opened = opening.move();
  return { as: (who) => opened.use(connect(muster.address, { token: callers.token[who] })), [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Registers a module with a schema of its own as `modest`, to COMPLETED. */
async function modestRegisters({ as }: Scene): Promise<void> {
  const client = as("modest");
  const name = `modest-${crypto.randomUUID().slice(0, 8)}`;
  await using module = await startFakeModule({ name, version: "1.0.0", schema: JSON.stringify({ title: name, type: "object" }) });
  const { types, errorDetail } = await client.register(requestFor(name, module));
  expect(types.at(-1), errorDetail).toBe("COMPLETED");
}

function suite(back: () => Promise<Backing>): void {
  test("of the checks of schemas, with queries that take long, holds up no registration", async () => {
    await using scene = await open(back);
    const reader = scene.as("reader");
    const slow = (title: string) => JSON.stringify({ title, anyOf: Array.from({ length: 3_000 }, (_, index) => ({ pattern: `(\\pL|\\pN){900}x${index}` })) });
    const compared = Array.from({ length: 70 }, (_, index) =>
      refusal(reader, RegistrationService.method.compareSchemas, {
        subject: { case: "inline", value: { formerJson: slow(`a${index}`), nextJson: slow(`b${index}`) } },
      }),
    );
    const first = await Promise.race(compared);
    expect(first).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: "TOO_MANY_REQUESTS", message: expect.stringMatching(/share of reader is full/) });
    await modestRegisters(scene);
    await modestRegisters(scene);
    // Those that still run end with the server.
    void Promise.allSettled(compared);
  });

  test("of the attempts, with modules that never answer, holds up no registration either", { timeout: 240_000 }, async () => {
    await using scene = await open(back);
    // A connection has a thousand calls.
    const clients = [scene.as("greedy"), scene.as("greedy")];
    const begun = Promise.withResolvers<void>();
    const over = Promise.withResolvers<string>();
    let running = 0;
    const registers = Array.from({ length: 1_010 }, async (_, index) => {
      const request = requestFor(
        `closed-${index}`,
        { host: "127.0.0.1", port: 1 + (index % 700) },
        { startupGrace: { seconds: 120n }, healthTimeout: { seconds: 120n } },
      );
      const { status: ended } = await clients[index % 2]!.register(request, ({ eventType }) => {
        if (eventType === EventType.HEALTH_CHECK_CONFIGURED && (running += 1) === 250) begun.resolve();
      });
      if (ended.reason === "TOO_MANY_ATTEMPTS") over.resolve(ended.message);
    });
    expect(await over.promise).toMatch(/share of greedy is full/);
    await begun.promise;
    await modestRegisters(scene);
    await modestRegisters(scene);
    expect(running).toBe(250);
    void Promise.allSettled(registers);
  });
}

/** With a Consul that an attack may fill. */
async function apart(servers: RealServers): Promise<Backing> {
  await using opening = new AsyncDisposableStack();
  const consul = opening.use(await startOwnConsul(servers));
  const { env } = opening.use(await realBacking({ ...servers, consul: consul.url }));
  const opened = opening.move();
  return { env, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

describe("one who takes all he can (embedded)", () => suite(embeddedBacking));
describeReal("one who takes all he can (real servers)", (servers) => suite(() => apart(servers)));
