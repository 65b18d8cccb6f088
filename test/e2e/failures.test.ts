/** Attempts that fail: FAILED with the reason, in time, and nothing left behind anywhere. */
import { expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { AttemptState, RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { selfSigned } from "../support/certificate.ts";
import { startFakeModule, type FakeModuleOptions } from "../support/fake-module.ts";
import { ownPort } from "../support/own-port.ts";
import { startHostileSocket, startHttp1Server, startSilentTlsServer } from "../support/hostile-module.ts";
import { inEveryMode, leftInConsul, requestFor, versionsInApicurio, eventTypesInKafka, type World } from "../support/world.ts";

interface Listener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** What a request for `module` comes to; checks that it failed in time, in order, and left nothing. */
async function failureOf(
  world: World,
  name: string,
  module: Pick<Listener, "host" | "port">,
  more: Parameters<typeof requestFor>[2] = {},
  where: Parameters<typeof requestFor>[3] = {},
) {
  const begun = performance.now();
  const result = await world.client.register(requestFor(name, module, { startupGrace: {}, ...more }, where));
  const ms = performance.now() - begun;
  expect(result.types.at(-1)).toBe("FAILED");
  expect(result.types.filter((type) => type === "FAILED" || type === "COMPLETED")).toHaveLength(1);
  expect(result.events.map(({ sequence }) => Number(sequence))).toEqual(result.events.map((_, index) => index + 1));
  const { attempt } = await world.client.unary(RegistrationService.method.getAttempt, { attemptId: result.attemptId });
  expect(attempt?.state).toBe(AttemptState.ROLLED_BACK);
  if (world.real) {
    const serviceId = `${name}-${module.host}-${module.port}`;
    expect(await leftInConsul(world.real, serviceId)).toEqual([]);
    expect(await leftInConsul(world.real, result.attemptId)).toEqual([]);
    expect((await versionsInApicurio(world.real, `${name}-config`)).filter(({ state }) => state === "ENABLED")).toEqual([]);
    expect(await world.rows("SELECT id FROM registrations WHERE service_id = ?", [serviceId])).toEqual([]);
    expect(await world.rows("SELECT version FROM schema_versions WHERE name = ? AND state <> 'DISABLED'", [name])).toEqual([]);
    expect(await eventTypesInKafka(world.real, serviceId)).toEqual([]);
  }
  return { ...result, ms };
}

const patient = { seconds: 50n };
const deepSchema = (depth: number) => `${'{"properties":{"a":'.repeat(depth)}{}${"}}".repeat(depth)}`;
const wide = (count: number) =>
  JSON.stringify({ properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: "string" }])) });

/** 3,000 large regular expressions: some seconds of work. */
const endless = JSON.stringify({ anyOf: Array.from({ length: 3_000 }, (_, index) => ({ pattern: `(\\pL|\\pN){900}x${index}` })) });

inEveryMode("failed attempts", (world) => {
  test("connection refused", async () => {
    const { errorDetail, status, ms } = await failureOf(world(), world().unique("refused"), { host: "127.0.0.1", port: 9 });
    expect(errorDetail).toMatch(/^HEALTH_REFUSED: the instance at 127\.0\.0\.1:9 is not healthy /);
    expect(status.code).toBe(0);
    expect(ms, "long before the time it may take to get healthy").toBeLessThan(30_000);
  });

  test("the port speaks HTTP/1.1", async () => {
    await using server = await startHttp1Server();
    expect((await failureOf(world(), world().unique("http1"), server)).errorDetail).toMatch(/^HEALTH_WRONG_PROTOCOL: /);
  });

  test("TLS where plaintext is expected, and the other way round", async () => {
    const certificate = await selfSigned("localhost");
    await using encrypted = await startSilentTlsServer(certificate);
    expect((await failureOf(world(), world().unique("tls-1"), encrypted)).errorDetail).toMatch(/^HEALTH_TLS_MISMATCH: /);
    const name = world().unique("tls-2");
    await using plain = await startFakeModule({ name, version: "1.0.0" });
    expect((await failureOf(world(), name, plain, {}, { tlsEnabled: true })).errorDetail).toMatch(/^HEALTH_TLS_MISMATCH: /);
  });

  test("no health service", async () => {
    const name = world().unique("unimplemented");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "none" });
    expect((await failureOf(world(), name, module)).errorDetail).toMatch(/^HEALTH_UNIMPLEMENTED: /);
  });

  test("NOT_SERVING for ever, reported while waiting", async () => {
    const name = world().unique("not-serving");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const { errorDetail, events } = await failureOf(world(), name, module, { healthTimeout: { seconds: 2n } });
    expect(errorDetail).toMatch(/^HEALTH_NOT_SERVING: /);
    expect(events.some(({ eventType }) => eventType === EventType.HEALTH_WAITING)).toBe(true);
  });

  test("accepts connections and says nothing", async () => {
    await using silent = await startHostileSocket("accepts and stays silent");
    const { errorDetail, ms } = await failureOf(world(), world().unique("silent"), silent, { healthTimeout: { seconds: 3n } });
    expect(errorDetail).toMatch(/^HEALTH_TIMEOUT: /);
    expect(ms).toBeLessThan(30_000);
  });

  const callbacks: readonly (readonly [what: string, module: Partial<FakeModuleOptions>, reason: RegExp])[] = [
    ["hangs", { describe: "hang" }, /^CALLBACK_TIMEOUT: /],
    ["trickles", { describe: "trickle" }, /^CALLBACK_TIMEOUT: /],
    ["answers 5 MiB", { describe: () => ({ serverInfo: "x".repeat(5 << 20) }) }, /^CALLBACK_TOO_LARGE: /],
    ["does not exist", { describe: "none" }, /^CALLBACK_UNIMPLEMENTED: /],
    ["gives another name", { describe: () => ({ moduleName: "somebody-else" }) }, /^CALLBACK_IDENTITY_MISMATCH: .*name/],
    ["gives another version", { describe: () => ({ version: "2.0.0" }) }, /^CALLBACK_IDENTITY_MISMATCH: .*version/],
    ["says it is not well", { describe: () => ({ healthCheckPassed: false, healthCheckMessage: "no disk" }) }, /^CALLBACK_REPORTED_UNHEALTHY: .*no disk/],
    [
      "forgets to say that it is well",
      { describe: () => ({ healthCheckPassed: false }) },
      /^CALLBACK_REPORTED_UNHEALTHY: .*health_check_passed = false.* when it is not set/,
    ],
  ];
  test.concurrent.each(callbacks)("the callback %s", async (what, options, reason) => {
    const name = world().unique(`callback-${what.replaceAll(" ", "-")}`);
    await using module = await startFakeModule({ name, version: "1.0.0", ...options });
    const { errorDetail, ms } = await failureOf(world(), name, module);
    expect(errorDetail).toMatch(reason);
    expect(ms).toBeLessThan(30_000);
  });

  const schemas: readonly (readonly [what: string, schema: string, reason: RegExp])[] = [
    ["is not JSON", "{not json", /^SCHEMA_NOT_JSON: /],
    ["is not a schema", '{"properties":{"a":{"type":"strnig"}}}', /^SCHEMA_INVALID: .*\/properties\/a\/type.*/],
    ["refers to another host", '{"properties":{"a":{"$ref":"http://169.254.169.254/latest"}}}', /^SCHEMA_REMOTE_REF: .*\/properties\/a\/\$ref/],
    ["refers to nothing", '{"$ref":"#/nowhere"}', /^SCHEMA_INVALID: .*\$ref/],
    ["has 300 KiB", JSON.stringify({ description: "x".repeat(300 * 1_024) }), /^SCHEMA_TOO_LARGE: /],
    ["is too deep", deepSchema(40), /^SCHEMA_TOO_COMPLEX: /],
    ["has too many nodes", wide(5_001), /^SCHEMA_TOO_COMPLEX: /],
    ["has a pattern that RE2 cannot run", '{"pattern":"^(?=a)b$"}', /^SCHEMA_PATTERN_UNSUPPORTED: .*\/pattern/],
  ];
  test.each(schemas)("the schema %s", async (what, schema, reason) => {
    const name = world().unique(`schema-${what.replaceAll(" ", "-")}`);
    await using module = await startFakeModule({ name, version: "1.0.0", schema });
    const { errorDetail, types } = await failureOf(world(), name, module);
    expect(errorDetail).toMatch(reason);
    expect(types).toContain("METADATA_RETRIEVED");
    expect(types).not.toContain("SCHEMA_VALIDATED");
  });

  test("the schema never finishes compiling, and the next one is fine", async () => {
    const name = world().unique("endless");
    await using module = await startFakeModule({ name, version: "1.0.0", schema: endless });
    await using other = await startFakeModule({ name: `${name}-other`, version: "1.0.0", schema: '{"type":"object"}' });
    const [{ errorDetail, ms }, fine] = await Promise.all([failureOf(world(), name, module), world().client.register(requestFor(`${name}-other`, other))]);
    expect(errorDetail).toMatch(/^SCHEMA_COMPILE_TIMEOUT: /);
    expect(ms).toBeLessThan(30_000);
    expect(fine.types.at(-1)).toBe("COMPLETED");
  });

  test("a late starter within its grace is not a failure", async () => {
    const { client, unique } = world();
    const name = unique("late");
    const port = await ownPort();
    const running = client.register(requestFor(name, { host: "127.0.0.1", port }, { startupGrace: patient }), ({ eventType }) => {
      if (eventType === EventType.HEALTH_WAITING) waiting.resolve();
    });
    const waiting = Promise.withResolvers<void>();
    await waiting.promise;
    await using module = await startFakeModule({ name, version: "1.0.0", port });
    expect(module.port).toBe(port);
    expect((await running).types.at(-1)).toBe("COMPLETED");
  });
});
