/**
 * The floor: the cost of registering a module in a plain script, without a server, progress,
 * undo, recovery or concurrent callers. The same calls to the same servers as Muster makes, and as few as possible:
 *
 *   1  INSERT the attempt                                                            commit
 *   2  Consul: PUT the service with 8 gRPC checks at 1 s; read it every 25 ms until one of them passes;
 *      meanwhile call the module back, compare name and version, compile its schema with Ajv
 *   3  Apicurio: POST the artifact with its first version
 *   4  Consul: PUT the service with the steady check instead, passing; read the catalog until it lists it as passing
 *   5  INSERT registration, schema version and outbox row, UPDATE the attempt        commit
 *
 * No code of Muster is used; the client for the callback is grpc-js. Called by `floor-side.ts`.
 */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { Ajv } from "ajv";
import { createPool, type Pool } from "mysql2/promise";
import { PipeStepProcessorService } from "../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import { connect } from "../test/support/client.ts";
import { inFlight } from "../test/support/in-flight.ts";
import type { FloorReply, FloorRequest } from "./floor-side.ts";
import type { Sample, ServingModule } from "./sides.ts";
import { answerParent } from "./worker.ts";

const [mysqlUrl = "", consulUrl = "", apicurioUrl = ""] = process.argv.slice(2);
const bootChecks = 8;
const pollMs = 25;
const artifactsUrl = `${apicurioUrl}/groups/bench.floor/artifacts`;
const keepAlive = new Agent({ keepAlive: true, maxSockets: 64 });
const ajv = new Ajv({ strict: false, logger: false });
const database: Pool = createPool({ uri: mysqlUrl, connectionLimit: 20, maxIdle: 20 });

const tables = [
  `create table if not exists attempts (id varchar(64) not null primary key, service_id varchar(512) not null, state varchar(32) not null,
     request longtext not null, created_at bigint not null, updated_at bigint not null, index by_service (service_id, id))`,
  `create table if not exists registrations (id varchar(64) not null primary key, service_id varchar(512) not null unique, name varchar(255) not null,
     host varchar(255) not null, port bigint not null, version varchar(256) not null, request longtext not null, description longtext not null)`,
  `create table if not exists schema_versions (artifact_id varchar(512) not null, version varchar(256) not null, content longtext not null,
     primary key (artifact_id, version))`,
  `create table if not exists outbox (position bigint primary key auto_increment, id varchar(64) not null unique, event_key varchar(512) not null,
     payload longtext not null, published_at bigint, index waiting (published_at, position))`,
];

interface Answer {
  readonly status: number;
  readonly body: string;
}

function http(method: string, url: string, json?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = json === undefined ? {} : { "content-type": "application/json" };
    const outgoing = request(url, { method, headers, agent: keepAlive }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    outgoing.on("error", reject).end(json === undefined ? undefined : JSON.stringify(json));
  });
}

async function demand(method: string, url: string, json?: unknown): Promise<string> {
  const { status, body } = await http(method, url, json);
  if (status < 200 || status > 299) throw new Error(`${method} ${url}: HTTP ${status} ${body}`);
  return body;
}

function serviceIdOf({ name, host, port }: ServingModule): string {
  return `${name}-${host}-${port}`;
}

async function putService(module: ServingModule, checks: readonly object[], query = ""): Promise<void> {
  const { name, version, host, port } = module;
  await demand("PUT", `${consulUrl}/v1/agent/service/register${query}`, {
    ID: serviceIdOf(module),
    Name: name,
    Address: host,
    Port: port,
    Tags: ["module"],
    Meta: { version, team: "bench" },
    Checks: checks.map((check) => ({ GRPC: `${host}:${port}`, Timeout: "2s", DeregisterCriticalServiceAfter: "10m", ...check })),
  });
}

interface ConsulAnswer {
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string }[] | null;
}

async function checksOf(module: ServingModule): Promise<NonNullable<ConsulAnswer["Checks"]>> {
  const { body } = await http("GET", `${consulUrl}/v1/agent/health/service/id/${serviceIdOf(module)}`);
  return (JSON.parse(body) as ConsulAnswer).Checks ?? [];
}

async function firstPass(module: ServingModule): Promise<void> {
  while (!(await checksOf(module)).some(({ Status }) => Status === "passing")) await pause(pollMs);
}

async function proof(module: ServingModule): Promise<void> {
  const passing = `${consulUrl}/v1/health/service/${module.name}?passing`;
  while (!(JSON.parse(await demand("GET", passing)) as readonly unknown[]).length) await pause(5);
}

async function describe(module: ServingModule): Promise<string> {
  using client = connect(`${module.host}:${module.port}`);
  const description = await client.unary(PipeStepProcessorService.method.getServiceRegistration, {});
  if (description.moduleName !== module.name || description.version !== module.version) throw new Error("another module answers there");
  ajv.compile(JSON.parse(description.jsonConfigSchema ?? "{}") as object);
  return description.jsonConfigSchema ?? "{}";
}

async function register(module: ServingModule): Promise<Sample> {
  const startedAt = performance.now();
  const id = randomUUID();
  const serviceId = serviceIdOf(module);
  const { name, version, host, port } = module;
  const asked = JSON.stringify({ name, version, host, port, metadata: { team: "bench" } });
  await database.query("insert into attempts values (?, ?, 'RUNNING', ?, ?, ?)", [id, serviceId, asked, Date.now(), Date.now()]);

  const boot = Array.from({ length: bootChecks }, (_, index) => ({ CheckID: `boot:${id}:${index}`, Status: "critical", Interval: "1s" }));
  await putService(module, boot);
  const takenAt = performance.now();
  let passedAt = 0;
  const passed = firstPass(module).then(() => (passedAt = performance.now()));
  const [schema] = await Promise.all([describe(module), passed]);

  const content = { content: schema, contentType: "application/json", references: [] };
  const artifact = { artifactId: `${name}-config`, artifactType: "JSON", firstVersion: { version, content } };
  await demand("POST", `${artifactsUrl}?ifExists=FAIL`, artifact);

  await putService(module, [{ CheckID: `steady:${id}`, Status: "passing", Interval: "10s" }], "?replace-existing-checks=true");
  await proof(module);

  const connection = await database.getConnection();
  try {
    await connection.beginTransaction();
    await connection.query("insert into registrations values (?, ?, ?, ?, ?, ?, ?, ?)", [id, serviceId, name, host, port, version, asked, asked]);
    await connection.query("insert into schema_versions values (?, ?, ?)", [`${name}-config`, version, schema]);
    await connection.query("insert into outbox (id, event_key, payload) values (?, ?, ?)", [id, serviceId, asked]);
    await connection.query("update attempts set state = 'COMPLETED', updated_at = ? where id = ?", [Date.now(), id]);
    await connection.commit();
  } finally {
    connection.release();
  }
  return { totalMs: performance.now() - startedAt, waitMs: passedAt - takenAt };
}

/** Nothing has changed: read the record, read the entry, record the request. */
async function registerAgain(module: ServingModule): Promise<number> {
  const startedAt = performance.now();
  const serviceId = serviceIdOf(module);
  const [rows] = await database.query("select id, request from registrations where service_id = ?", [serviceId]);
  if (!Array.isArray(rows) || rows.length !== 1) throw new Error(`${serviceId} is not registered`);
  if (!(await checksOf(module)).every(({ Status }) => Status === "passing")) throw new Error(`${serviceId} does not pass`);
  const asked = JSON.stringify({ name: module.name, version: module.version, host: module.host, port: module.port });
  await database.query("insert into attempts values (?, ?, 'COMPLETED', ?, ?, ?)", [randomUUID(), serviceId, asked, Date.now(), Date.now()]);
  return performance.now() - startedAt;
}

async function remove(module: ServingModule): Promise<void> {
  const { name, version } = module;
  await http("PUT", `${consulUrl}/v1/agent/service/deregister/${serviceIdOf(module)}`);
  await http("PUT", `${artifactsUrl}/${name}-config/versions/${version}/state`, { state: "DISABLED" });
  await database.query("delete from registrations where service_id = ?", [serviceIdOf(module)]);
}

answerParent(async (asked: FloorRequest): Promise<FloorReply> => {
  switch (asked.what) {
    case "open":
      for (const table of tables) await database.query(table);
      return {};
    case "register":
      return { samples: await inFlight(asked.modules, asked.limit, register) };
    case "repeat": {
      const took: number[] = [];
      while (took.length < asked.times) took.push(await registerAgain(asked.module));
      return { took };
    }
    case "remove":
      await inFlight(asked.modules, 8, remove);
      return {};
  }
});
