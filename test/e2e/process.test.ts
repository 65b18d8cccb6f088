/** The process and its door: configuration, tokens, ownership of names, TLS, start and stop. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request as httpsRequest } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EventType, PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { selfSigned } from "../support/certificate.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { embeddedBacking, startMuster, type Environment } from "../support/muster.ts";
import { moduleSteps, requestFor, unregister } from "../support/world.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const tokens = Object.fromEntries(["viewer", "one", "two", "operator", "admin"].map((name) => [name, `${name}-${"x".repeat(24)}`])) as Record<
  "viewer" | "one" | "two" | "operator" | "admin",
  string
>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-process-"));
  const entry = (principal: keyof typeof tokens, role: string) => ({ principal, roles: [role], sha256: sha256(tokens[principal]) });
  const table = {
    tokens: [entry("viewer", "viewer"), entry("one", "registrar"), entry("two", "registrar"), entry("operator", "operator"), entry("admin", "admin")],
  };
  await writeFile(join(folder, "tokens.json"), JSON.stringify(table));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function refusesToStart(env: Environment): Promise<string> {
  await using backing = await embeddedBacking();
  const started = await startMuster({ ...backing.env, ...env }).catch((error: unknown) => String(error));
  if (typeof started === "string") return started;
  await started[Symbol.asyncDispose]();
  throw new Error("it started");
}

test("all errors of a configuration are reported together, and nothing starts", async () => {
  const written = await refusesToStart({ MUSTER_CATALOGUE: "embedded", MUSTER_EVENTS: "rabbit://x", MUSTER_LISTEN: "0.0.0.0:0" });
  expect(written).toContain("MUSTER_CATALOGUE is not known; did you mean MUSTER_CATALOG?");
  expect(written).toContain("MUSTER_EVENTS");
  expect(written).toMatch(/"open" .* refused on a non-loopback address/);
});

test("a port in use is reported", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const written = await refusesToStart({ MUSTER_LISTEN: `127.0.0.1:${port}` });
  expect(written).toContain("EADDRINUSE");
  expect(written).toMatch(/✗ listen .*is in use by another program\n +→ .*MUSTER_LISTEN/);
  taken.close();
});

test("a state directory that another process uses is reported", async () => {
  await using backing = await embeddedBacking();
  await using first = await startMuster(backing.env);
  const second = await startMuster(backing.env).catch((error: unknown) => String(error));
  expect(second).toMatch(/another|use/i);
  expect(second).toMatch(/✗ store .*is locked by another process\n +→ .*MUSTER_STORE/);
  expect(first.logged()).toContain("server.listening");
  const third = await startMuster({ ...backing.env, MUSTER_STORE: "sqlite::memory:", MUSTER_LISTEN: first.address }).catch((error: unknown) => String(error));
  expect(third).toMatch(/✗ listen .*is in use by a running Muster\n +→ .*MUSTER_LISTEN/);
});

test("a database file that cannot be made is reported immediately", async () => {
  const written = await refusesToStart({ MUSTER_STORE: "sqlite:/proc/x/\u001b[31m/a.db" });
  expect(written).toMatch(/✗ store .*\/proc\/x\/\\u001b\[31m\/a\.db cannot be made.*\n +→ MUSTER_STORE=/);
  expect(written).not.toContain("\u001b");
});

test("files that are missing or swapped are reported with their variable", async () => {
  const absent = join(folder, "absent.json");
  expect(await refusesToStart({ MUSTER_AUTH: `tokens:${absent}` })).toMatch(/✗ auth .*absent\.json cannot be read \(ENOENT\)\n +→ MUSTER_AUTH /);
  const { cert, key } = await selfSigned("localhost");
  const [certFile, keyFile] = [join(folder, "swapped.crt"), join(folder, "swapped.key")];
  await writeFile(certFile, key);
  await writeFile(keyFile, cert);
  const written = await refusesToStart({ MUSTER_TLS_CERT: certFile, MUSTER_TLS_KEY: keyFile });
  expect(written).toMatch(/✗ tls .*certificate and key are swapped\n +→ MUSTER_TLS_CERT .*MUSTER_TLS_KEY/);
  const ofModules = (cert: string, secret: string) => refusesToStart({ MUSTER_MODULE_CERT: cert, MUSTER_MODULE_KEY: secret });
  expect(await ofModules(absent, keyFile)).toMatch(/✗ modules .*absent\.json cannot be read \(ENOENT\)\n +→ MUSTER_MODULE_CERT /);
  expect(await ofModules(certFile, keyFile)).toMatch(/✗ modules .*certificate and key are swapped\n +→ MUSTER_MODULE_CERT .*MUSTER_MODULE_KEY/);
  // Without a certificate in it, those of the system would be trusted, or nobody's.
  const nobody = join(folder, "empty.crt");
  await writeFile(nobody, "\n");
  expect(await refusesToStart({ MUSTER_MODULE_CA: nobody })).toMatch(/✗ modules .*empty\.crt has no certificate\n +→ MUSTER_MODULE_CA /);
  const ours = { MUSTER_TLS_CERT: keyFile, MUSTER_TLS_KEY: certFile };
  expect(await refusesToStart({ ...ours, MUSTER_TLS_CLIENT_CA: nobody })).toMatch(/✗ tls .*empty\.crt has no certificate\n +→ MUSTER_TLS_CLIENT_CA /);
  const other = await selfSigned("localhost");
  const mismatched = [join(folder, "one.crt"), join(folder, "other.key")] as const;
  await writeFile(mismatched[0], cert);
  await writeFile(mismatched[1], other.key);
  expect(await ofModules(...mismatched)).toMatch(/✗ modules .*the key does not belong to the certificate\n +→ Give MUSTER_MODULE_CERT and MUSTER_MODULE_KEY/);
});

test("the banner says which dependency is down", async () => {
  await using backing = await embeddedBacking();
  const child = spawn(process.execPath, [new URL("../../bin/muster.js", import.meta.url).pathname, "serve"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      ...backing.env,
      MUSTER_STORE: `${backing.env["MUSTER_STORE"]}\u001b[31m`,
      MUSTER_LISTEN: "127.0.0.1:0",
      MUSTER_CATALOG: "consul+http://127.0.0.1:9",
      MUSTER_SELF_REGISTER: "off",
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  await expect.poll(() => out, { timeout: 30_000 }).toMatch(/Catalog +consul 127\.0\.0\.1:9 +DOWN: .*\n +Schemas +embedded\n/);
  expect(out).toMatch(/Store .*muster\.db\\u001b\[31m\n/);
  child.kill("SIGKILL");
  await once(child, "close");
});

test("a database that does not answer is reported, without its password", async () => {
  const written = await refusesToStart({ MUSTER_STORE: "mysql://muster:s3cret-word@127.0.0.1:9/muster" });
  expect(written).toContain("store unavailable");
  expect(written).not.toContain("s3cret-word");
});

test("tokens: who may do what, and whose name is whose", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${join(folder, "tokens.json")}` });
  await using module = await startFakeModule({ name: "owned", version: "1.0.0" });
  const as = (token?: string) => connect(muster.address, token === undefined ? {} : { token });
  const request = requestFor("owned", module);

  using nobody = as();
  using stranger = as("not-a-token-that-anybody-knows");
  using viewer = as(tokens.viewer);
  using one = as(tokens.one);
  using two = as(tokens.two);
  using admin = as(tokens.admin);
  const [without, wrong] = [await nobody.register(request), await stranger.register(request)];
  expect(without.status).toMatchObject({ code: 16, reason: "UNAUTHENTICATED" });
  expect(wrong.status).toEqual(without.status);
  expect((await viewer.register(request)).status).toMatchObject({ code: 7, reason: "PERMISSION_DENIED" });
  await expect(unregister(viewer, "owned", module)).rejects.toMatchObject({ status: { code: 7 } });

  expect((await one.register(request)).types).toEqual(moduleSteps);
  expect((await two.register(requestFor("owned", module, { tags: ["mine"] }))).status).toMatchObject({ code: 7, reason: "NAME_OWNED_BY_ANOTHER" });
  await expect(unregister(two, "owned", module)).rejects.toMatchObject({ status: { code: 7, reason: "NAME_OWNED_BY_ANOTHER" } });
  expect((await admin.register(requestFor("owned", module, { tags: ["admin"] }))).types).toEqual(moduleSteps);
  expect((await unregister(one, "owned", module)).success).toBe(true);

  expect((await fetch(`http://${muster.address}/healthz/live`)).status).toBe(200);
  for (const token of Object.values(tokens)) expect(muster.logged()).not.toContain(token);
});

test("TLS with client certificates: h2 for gRPC, HTTP/1.1 for probes, nobody without a certificate, nothing in plaintext", async () => {
  const server = await selfSigned("localhost");
  const client = await selfSigned("client");
  const [cert, key, ca] = [join(folder, "cert.pem"), join(folder, "key.pem"), join(folder, "client.pem")];
  await Promise.all([writeFile(cert, server.cert), writeFile(key, server.key), writeFile(ca, client.cert)]);
  await using backing = await embeddedBacking();
  await using muster = await startMuster({ ...backing.env, MUSTER_TLS_CERT: cert, MUSTER_TLS_KEY: key, MUSTER_TLS_CLIENT_CA: ca });
  await using module = await startFakeModule({ name: "behind-tls", version: "1.0.0" });

  using known = connect(muster.address, { tls: { ca: server.cert, ...client } });
  expect((await known.register(requestFor("behind-tls", module))).types).toEqual(moduleSteps);
  using unknown = connect(muster.address, { tls: { ca: server.cert } });
  expect((await unknown.register(requestFor("behind-tls", module))).status.code).toBe(14);
  using plain = connect(muster.address);
  expect((await plain.register(requestFor("behind-tls", module))).status.code).toBe(14);

  const probe = httpsRequest(`https://${muster.address}/healthz/live`, { ca: server.cert, cert: client.cert, key: client.key });
  probe.end();
  const [answer] = (await once(probe, "response")) as [{ statusCode: number; resume(): void }];
  answer.resume();
  expect(answer.statusCode).toBe(200);
});

test("what was registered is still there after a restart, embedded too", async () => {
  await using backing = await embeddedBacking();
  await using module = await startFakeModule({ name: "survivor", version: "1.0.0" });
  const before = await startMuster(backing.env);
  using first = connect(before.address);
  expect((await first.register(requestFor("survivor", module))).types).toEqual(moduleSteps);
  before.signal("SIGTERM");
  expect(await before.ended).toBe(0);

  await using after = await startMuster(backing.env);
  using second = connect(after.address);
  const again = await second.register(requestFor("survivor", module));
  expect(again.events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
});

test("SIGTERM lets a registration finish, refuses new ones, and ends with 0", async () => {
  await using backing = await embeddedBacking();
  const muster = await startMuster(backing.env);
  await using module = await startFakeModule({ name: "draining", version: "1.0.0", status: "NOT_SERVING" });
  await using late = await startFakeModule({ name: "too-late", version: "1.0.0" });
  using client = connect(muster.address);
  const waiting = Promise.withResolvers<void>();
  const running = client.register(requestFor("draining", module), ({ eventType }) => {
    if (eventType === EventType.HEALTH_WAITING) waiting.resolve();
  });
  await waiting.promise;
  muster.signal("SIGTERM");
  await expect.poll(async () => (await client.register(requestFor("too-late", late))).status.code).toBe(14);
  module.setStatus("SERVING");
  expect((await running).types).toEqual(moduleSteps);
  expect(await muster.ended).toBe(0);
});

test("tags are replaced by whom the name belongs to, an operator or an admin, and by nobody else", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${join(folder, "tokens.json")}` });
  await using module = await startFakeModule({ name: "tagged", version: "1.0.0" });
  const as = (who: keyof typeof tokens) => connect(muster.address, { token: tokens[who] });
  using owner = as("one");
  expect((await owner.register(requestFor("tagged", module))).types).toEqual(moduleSteps);
  const serviceId = `tagged-127.0.0.1-${module.port}`;
  for (const who of ["one", "operator", "admin"] as const) {
    using client = as(who);
    const { appliedTags } = await client.unary(PlatformRegistrationService.method.updateTags, { serviceId, tags: [who] });
    expect(appliedTags).toEqual([who, "module"]);
  }
  using other = as("two");
  const refused = other.unary(PlatformRegistrationService.method.updateTags, { serviceId, tags: ["x"] });
  await expect(refused).rejects.toMatchObject({ status: { code: 7, reason: "NAME_OWNED_BY_ANOTHER" } });
});

test("a viewer may not change tags", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${join(folder, "tokens.json")}` });
  using viewer = connect(muster.address, { token: tokens.viewer });
  await expect(viewer.unary(PlatformRegistrationService.method.updateTags, { serviceId: "x" })).rejects.toMatchObject({ status: { code: 7 } });
  expect((await viewer.unary(PlatformRegistrationService.method.listServices, {})).services).toEqual([]);
});
