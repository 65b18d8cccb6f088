/** A module, and Musters that follow a script while it registers. */
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { status } from "@grpc/grpc-js";
import { expect } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { ServiceType as TypeName } from "../../src/registration/types.ts";
import { connect, type MusterClient, type Registration } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { spawnMuster, startMuster, type MusterProcess } from "../support/muster.ts";
import { openApi } from "../support/open-api.ts";
import { requestFor } from "../support/world.ts";
import { rows, type CrashPoint } from "./crash-points.ts";
import type { Site } from "./site.ts";
import type { Instance } from "./survey.ts";

const program = [new URL("crash-server.ts", import.meta.url).pathname];
const schema = JSON.stringify({ type: "object", properties: { depth: { type: "integer" } } });

const artifactSuffix: Readonly<Record<TypeName, string>> = { SERVICE: "-http-config", MODULE: "-config", CONNECTOR: "-connector-config" };

export interface Scene extends Instance, AsyncDisposable {
  readonly type: TypeName;
  readonly module: FakeModule;
  register(client: MusterClient, tags?: readonly string[], onEvent?: Parameters<MusterClient["register"]>[1]): Promise<Registration>;
}

export interface SceneOptions {
  /** Default SERVING. */
  readonly status?: "SERVING" | "NOT_SERVING";
  /** Before it answers the callback. */
  readonly delayMs?: number;
  /** It has a configuration schema, so that Muster needs a child process to check it. */
  readonly withSchema?: boolean;
  /** A service of which nothing but its health is known. */
  readonly isPlain?: boolean;
}

/** A module of this type that nobody else knows, not registered yet. */
export async function openScene(type: TypeName, { withSchema = false, isPlain = false, ...options }: SceneOptions = {}): Promise<Scene> {
  const name = `${type.toLowerCase()}-${crypto.randomUUID()}`;
  const version = "1.0.0";
  const module = await startFakeModule({ name, version, ...options, ...(withSchema ? { schema } : {}) });
  // Of each type the longest way.
  const document = type === "SERVICE" && !isPlain ? { httpSchema: openApi } : {};
  return {
    name,
    version,
    artifactId: `${name}${artifactSuffix[type]}`,
    serviceId: `${name}-${module.host}-${module.port}`,
    hasSchema: !isPlain && rows.some((row) => row.type === type && row.events.includes("APICURIO_REGISTERED")),
    type,
    module,
    register: (client, tags = [], onEvent) =>
      client.register(requestFor(name, module, { type: ServiceType[type], version, tags: [...tags], ...document }), onEvent),
    [Symbol.asyncDispose]: () => module[Symbol.asyncDispose](),
  };
}

/** See `crash-server.ts`. */
export interface Script {
  readonly at?: string;
  /** Only where a call of an adapter names this: not in work for others that the process finds at its start. */
  readonly about?: string;
  readonly failAt?: string;
  readonly signal?: "SIGSTOP";
}

/** Tells the scripted Musters of the site what to do from now on. */
export async function direct({ scriptFile }: Site, script: Script): Promise<void> {
  await writeFile(`${scriptFile}.new`, JSON.stringify(script));
  await rename(`${scriptFile}.new`, scriptFile);
}

/** A Muster that follows the site's script, which is `script` from now on. */
export async function startScripted(site: Site, script: Script = {}): Promise<MusterProcess> {
  await direct(site, script);
  return startMuster(site.env, program);
}

/** The same without waiting for it to listen: it may get to the script's instant before. */
export async function spawnScripted(site: Site, script: Script): Promise<ReturnType<typeof spawnMuster>> {
  await direct(site, script);
  return spawnMuster(site.env, program);
}

/** Has the scene register with a Muster that dies at the point. Resolves to what the client saw until then. */
export async function registerUntilKilled(
  site: Site,
  victim: MusterProcess,
  scene: Scene,
  { at, failAt }: CrashPoint,
  tags?: readonly string[],
): Promise<Registration> {
  await direct(site, failAt === undefined ? { at } : { at, failAt });
  using client = connect(victim.address);
  const seen = await scene.register(client, tags);
  await expectKilled(victim, at);
  expect(seen.status.code).toBe(status.UNAVAILABLE);
  await direct(site, {});
  return seen;
}

/** Starts a Muster that finds work of a dead one to take back, and dies while doing so, perhaps before it listens. */
export async function unwindUntilKilled(site: Site, at: string): Promise<void> {
  await direct(site, { at });
  await using victim = spawnMuster(site.env, program);
  await expectKilled(victim, at);
  await direct(site, {});
}

/** Fails unless the process is killed by itself at `at`; resolves when the children it had then are gone, too. */
export async function expectKilled(muster: Pick<MusterProcess, "ended" | "logged">, at: string): Promise<void> {
  const late = Promise.withResolvers<string>();
  AbortSignal.timeout(60_000).addEventListener("abort", () => late.resolve("alive"), { once: true });
  expect(await Promise.race([muster.ended, late.promise]), muster.logged()).toBe("SIGKILL");
  const children = childrenAt(muster, at);
  await eventually(async () => children.every((pid) => !isAlive(pid)) || undefined);
}

/** Resolves when the process is at `at`. */
export function untilReached(muster: Pick<MusterProcess, "logged">, at: string): Promise<true> {
  return eventually(async () => muster.logged().includes(`{"reached":"${at}"`) || undefined, 60_000);
}

/** The children that the process had when it was at `at`. */
function childrenAt(muster: Pick<MusterProcess, "logged">, at: string): readonly number[] {
  const lines = muster.logged().split("\n");
  const line = lines.find((text) => text.startsWith(`{"reached":"${at}"`));
  if (line === undefined) throw new Error(`it was never at ${at}:\n${muster.logged()}`);
  return (JSON.parse(line) as { readonly children: readonly number[] }).children;
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
