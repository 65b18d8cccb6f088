/** One running Muster and the means to look at what it did from outside, for suites that run in every mode. */
import { DatabaseSync } from "node:sqlite";
import { describe, afterAll, beforeAll } from "vitest";
import {
  PlatformRegistrationService,
  ServiceType,
  type ConnectivitySchema,
  type RegisterRequestSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Message, MessageInitShape } from "@bufbuild/protobuf";
import { connect, type MusterClient } from "./client.ts";
import type { FakeModule } from "./fake-module.ts";
import { embeddedBacking, query, realBacking, startMuster, type Backing, type Environment, type MusterProcess } from "./muster.ts";
import { headerOf, linesOfTopic } from "./kcat.ts";
import { describeReal, type RealServers } from "./real-servers.ts";

export interface World {
  readonly muster: MusterProcess;
  readonly client: MusterClient;
  readonly env: Environment;
  /** A name nobody else uses. */
  unique(base: string): string;
  /** The real servers, when they are behind it. */
  readonly real: (RealServers & { readonly databaseUrl: string }) | undefined;
  /** Stops Muster with SIGTERM, if it runs, and asks its database. Embedded only after that can anybody else open it. */
  rows(sql: string, values?: readonly (string | number)[]): Promise<readonly Record<string, unknown>[]>;
}

/** Declares `suite` for embedded everything and for the real servers, each with one Muster of its own. `world()` is valid inside tests. */
export function inEveryMode(name: string, suite: (world: () => World) => void, env: Environment = {}): void {
  describe(`${name} (embedded)`, () => declare(suite, embeddedBacking, undefined, env));
  describeReal(`${name} (real servers)`, (servers) => declare(suite, () => realBacking(servers), servers, env));
}

function declare(
  suite: (world: () => World) => void,
  back: () => Promise<Backing & { databaseUrl?: string }>,
  servers: RealServers | undefined,
  env: Environment,
): void {
  let backing: (Backing & { databaseUrl?: string }) | undefined;
  let world: World | undefined;
  beforeAll(async () => {
    backing = await back();
    const muster = await startMuster({ ...backing.env, ...env });
    const tag = crypto.randomUUID().slice(0, 8);
    const { databaseUrl } = backing;
    const own = backing.env;
    world = {
      muster,
      env: own,
      client: connect(muster.address),
      unique: (base) => `${base}-${tag}`,
      real: servers && databaseUrl ? { ...servers, databaseUrl } : undefined,
      rows: (sql, values = []) => (databaseUrl ? query(databaseUrl, sql, values) : rowsOfFile(muster, own, sql, values)),
    };
  });
  afterAll(async () => {
    world?.client[Symbol.dispose]();
    await world?.muster[Symbol.asyncDispose]();
    await backing?.[Symbol.asyncDispose]();
  });
  suite(() => {
    if (!world) throw new Error("the world is there inside tests only");
    return world;
  });
}

async function rowsOfFile(
  muster: MusterProcess,
  env: Environment,
  sql: string,
  values: readonly (string | number)[],
): Promise<readonly Record<string, unknown>[]> {
  muster.signal("SIGTERM");
  await muster.ended;
  using database = new DatabaseSync((env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, ""));
  return database.prepare(sql).all(...values);
}

type Register = Exclude<MessageInitShape<typeof RegisterRequestSchema>, Message>;
type Where = Exclude<MessageInitShape<typeof ConnectivitySchema>, Message>;

/** What registers `module`: a MODULE at its address unless `more` and `where` say otherwise. */
export function requestFor(name: string, module: Pick<FakeModule, "host" | "port">, more: Omit<Register, "connectivity"> = {}, where: Where = {}): Register {
  return {
    name,
    type: ServiceType.MODULE,
    version: "1.0.0",
    ...more,
    connectivity: { advertisedHost: module.host, advertisedPort: module.port, ...where },
  };
}

export const moduleSteps = [
  "STARTED",
  "VALIDATED",
  "CONSUL_REGISTERED",
  "HEALTH_CHECK_CONFIGURED",
  "CONSUL_HEALTHY",
  "METADATA_RETRIEVED",
  "SCHEMA_VALIDATED",
  "DATABASE_SAVED",
  "APICURIO_REGISTERED",
  "COMPLETED",
] as const;

export const serviceSteps = ["STARTED", "VALIDATED", "CONSUL_REGISTERED", "HEALTH_CHECK_CONFIGURED", "CONSUL_HEALTHY", "COMPLETED"] as const;

export function unregister(client: MusterClient, name: string, { host, port }: Pick<FakeModule, "host" | "port">) {
  return client.unary(PlatformRegistrationService.method.unregister, { name, host, port });
}

export interface ConsulEntry {
  readonly ID: string;
  readonly Service: string;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Address: string;
  readonly Port: number;
}

/** Passing instances of a name, from Consul's own API. */
export async function passingInConsul(servers: RealServers, name: string): Promise<readonly ConsulEntry[]> {
  const answer = await fetch(`${servers.consul}/v1/health/service/${encodeURIComponent(name)}?passing&consistent`);
  return ((await answer.json()) as { Service: ConsulEntry }[]).map(({ Service }) => Service);
}

/** Ids of everything the agent holds whose id contains `part`: entries, trials, candidates, and their checks. */
export async function leftInConsul(servers: RealServers, part: string): Promise<readonly string[]> {
  const read = async (path: string) => Object.entries((await (await fetch(`${servers.consul}${path}`)).json()) as Record<string, { ServiceID?: string }>);
  const services = (await read("/v1/agent/services")).map(([id]) => id);
  const checks = (await read("/v1/agent/checks")).map(([id, check]) => `${id} of ${check.ServiceID}`);
  return [...services, ...checks].filter((id) => id.includes(part));
}

export interface ApicurioVersion {
  readonly version: string;
  readonly state: string;
}

/** Versions of an artifact, from Apicurio's own API; none when it is not there. */
export async function versionsInApicurio(servers: RealServers, artifactId: string): Promise<readonly ApicurioVersion[]> {
  const answer = await fetch(`${servers.apicurio}/groups/ai.pipestream.schemas/artifacts/${encodeURIComponent(artifactId)}/versions`);
  if (answer.status === 404) return [];
  return ((await answer.json()) as { versions: ApicurioVersion[] }).versions;
}

/** The exact text of a version, from Apicurio's own API. */
export async function contentInApicurio(servers: RealServers, artifactId: string, version: string): Promise<string> {
  const answer = await fetch(`${servers.apicurio}/groups/ai.pipestream.schemas/artifacts/${encodeURIComponent(artifactId)}/versions/${version}/content`);
  return answer.text();
}

/** `ce_type`s of the events with this key, each once, in the order of their first delivery, as kcat reads them. */
export async function eventTypesInKafka(servers: RealServers, key: string): Promise<readonly string[]> {
  const lines = await linesOfTopic(servers, "platform.registration.events", "%k\t%h");
  const headers = lines.filter((line) => line.startsWith(`${key}\t`)).map((line) => line.slice(key.length + 1));
  return [...new Map(headers.map((text) => [headerOf(text, "ce_id"), headerOf(text, "ce_type").replace(/^.*\./, "")])).values()];
}
