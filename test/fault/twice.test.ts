/**
 * Every step run twice and every undo twice is the same as once: in the record, the schema registry and the catalog, for
 * every type, when all goes well and when any step fails, for a new instance and for one that served before. What fails
 * leaves no more than there was.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmbeddedCatalog } from "../../src/adapters/embedded/catalog.ts";
import { createEmbeddedSchemas } from "../../src/adapters/embedded/schema-registry.ts";
import { createHttpDocuments } from "../../src/adapters/http-documents/documents.ts";
import { createModuleClient } from "../../src/adapters/module-grpc/module-client.ts";
import { systemClock as clock } from "../../src/adapters/system/clock.ts";
import { unavailable, type DomainError } from "../../src/kernel/errors.ts";
import type { AttemptContext, Note, RegistrationPorts, RegistrationStep } from "../../src/registration/attempts/attempt-context.ts";
import { contextOf } from "../../src/registration/attempts/work.ts";
import type { Attempt } from "../../src/registration/records.ts";
import { notCompared } from "../../src/registration/schemas/bounded-comparison.ts";
import { serviceTypes } from "../../src/registration/attempts/service-types.ts";
import type { EventType, RegisterInput, ServiceType } from "../../src/registration/types.ts";
import { runSaga, unwind, type Saga, type SagaEnd } from "../../src/kernel/saga.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import * as fixtures from "../contract/store/fixtures.ts";
import { gateOff } from "../support/gate-off.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { rows } from "./crash-points.ts";
import { openApi } from "../support/open-api.ts";
import { embeddedSite } from "./embedded-site.ts";
import type { Site } from "./site.ts";

const name = "twice";
let module: FakeModule;
beforeAll(async () => {
  module = await startFakeModule({ name, version: "1.0.0" });
});
afterAll(() => module[Symbol.asyncDispose]());

interface Case {
  readonly type: ServiceType;
  readonly failAt: EventType | undefined;
  readonly hasFormer: boolean;
}

const cases: readonly Case[] = rows.flatMap(({ type, events }) =>
  [undefined, ...events].flatMap((event) => [false, true].map((hasFormer) => ({ type, failAt: event as EventType | undefined, hasFormer }))),
);

/** The second run knows nothing of the first. */
function twice(step: RegistrationStep): RegistrationStep {
  const { run, undo } = step;
  return {
    ...step,
    async run(context, signal) {
      await run(context, signal);
      return run(newContext(context.ports, context.attempt), signal);
    },
    ...(undo && {
      async undo(context: AttemptContext, signal: AbortSignal) {
        await undo(context, signal);
        await undo(context, signal);
      },
    }),
  };
}

/** What is in use when all is over, without times. */
async function leftBehind(site: Site, { catalog }: RegistrationPorts): Promise<unknown> {
  await using view = await site.look();
  const tables = [
    "select id, state, schema_artifact_id from registrations order by id",
    "select artifact_id, version, state, sha256 from schema_versions where state <> 'DISABLED'",
    "select artifact_id, version from registry_versions where enabled = 1",
    "select id, payload from outbox order by position",
    "select payload from tasks",
    "select service_id, generation from instances",
  ];
  const instances = await catalog.instances({ name }, AbortSignal.timeout(60_000));
  return {
    record: await Promise.all(tables.map((sql) => view.query(sql))),
    catalog: instances.map(({ attemptId, status, tags, checks }) => ({ attemptId, status, tags, checks: checks.map(({ id }) => id) })),
  };
}

function newContext(ports: RegistrationPorts, attempt: Attempt): AttemptContext {
  return contextOf(ports, attempt, "ci", { report: async () => undefined, alone: (work) => ports.store.tx(work) }).context;
}

function attemptOf(attemptId: string, type: ServiceType): Attempt {
  const connectivity = { advertisedHost: module.host, advertisedPort: module.port, tlsEnabled: false };
  const request: RegisterInput = {
    ...fixtures.request,
    name,
    type,
    connectivity,
    tags: [attemptId],
    healthTimeoutMs: 60_000,
    ...(type === "SERVICE" ? { httpSchema: openApi } : {}),
  };
  const serviceId = `${name}-${module.host}-${module.port}`;
  return fixtures.attempt(attemptId, { serviceId, name, type, host: module.host, port: module.port, request, address: module.host });
}

function sagaOf(context: AttemptContext, steps: readonly RegistrationStep[], failAt?: EventType): Saga<AttemptContext, EventType, Note> {
  return {
    steps,
    context,
    clock,
    journal: {
      recorded: async (_event, note) => context.ports.store.tx(async (tx) => note.alongside?.(tx)),
      unwinding: async () => undefined,
      held: (why) => Promise.reject(why),
      ended: async (_error, leftovers) => expect(leftovers).toEqual([]),
    },
    probe({ event, phase }) {
      if (event === failAt && phase === "effect") throw unavailable("store", "scripted");
    },
  };
}

function failureOf(end: SagaEnd): DomainError | undefined {
  if (end === "held") throw new Error("it was held");
  return end;
}

/** What is there before the attempt, and after it. */
async function play({ type, failAt, hasFormer }: Case, times: "once" | "twice"): Promise<{ readonly before: unknown; readonly after: unknown }> {
  await using stack = new AsyncDisposableStack();
  const site = stack.use(await embeddedSite());
  const store = stack.use(await openSqliteStore({ path: (site.env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, "") }));
  const client = createModuleClient();
  const catalog = stack.use(createEmbeddedCatalog({ clock, probe: client.health }));
  const schemas = createEmbeddedSchemas({ store, clock });
  const documents = createHttpDocuments({ resolveHost: async (address) => ({ address }) });
  const schemaLane = { checkSchema: async () => ({ warnings: [] }), compareSchemas: async () => notCompared("not here") };
  const ports: RegistrationPorts = {
    store,
    catalog,
    schemas,
    module: client,
    documents,
    clock,
    ...schemaLane,
    schemaQueries: schemaLane,
    judge: () => undefined,
    gate: gateOff(),
  };
  const once = serviceTypes[type].steps;
  const steps = times === "once" ? once : once.map(twice);
  const patience = AbortSignal.timeout(100_000);
  await store.tx((tx) => tx.instances.claim(attemptOf("b-later", type)));

  if (hasFormer) expect(await runSaga(sagaOf(newContext(ports, attemptOf("a-former", type)), once), patience)).toBeUndefined();
  const before = await leftBehind(site, ports);
  const failure = failureOf(await runSaga(sagaOf(newContext(ports, attemptOf("b-later", type)), steps, failAt), patience));
  expect(failure?.message).toBe(failAt && "store unavailable: scripted");
  // As after a crash right at the end: whoever takes over does it all again, knowing nothing.
  if (failure && times === "twice") await unwind(sagaOf(newContext(ports, attemptOf("b-later", type)), steps), failure);
  return { before, after: await leftBehind(site, ports) };
}

describe.concurrent("twice is once", () => {
  for (const it of cases) {
    test(`${it.type}${it.hasFormer ? " again" : ""}, ${it.failAt ? `failing at ${it.failAt}` : "all well"}`, async () => {
      const [once, again] = await Promise.all([play(it, "once"), play(it, "twice")]);
      expect(again).toEqual(once);
      if (it.failAt === undefined) expect(once.after).not.toEqual(once.before);
      else expect(once.after).toEqual(once.before);
    });
  }
});
