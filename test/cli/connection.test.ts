/** The way from a command to a server: tokens, TLS, and what is said when there is no way. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Principal } from "../../src/kernel/caller.ts";
import { principalKey } from "../../src/rpc/platform/auth.ts";
import { generateToken } from "../../src/rpc/platform/tokens.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";
import { startTestServer, type TestServer } from "../support/rpc-server.ts";
import { makeCertificates, type Certificates } from "../support/rpc-certs.ts";

const list = ["attempts", "list"];
const viewer = generateToken();
let folder = "";
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("with tokens", () => {
  let backing: Backing;
  let muster: MusterProcess;
  beforeAll(async () => {
    backing = await embeddedBacking();
    const tokens = file("tokens.json", JSON.stringify({ tokens: [{ principal: "eve", roles: ["viewer"], sha256: viewer.sha256 }] }));
    muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${tokens}` });
  });
  afterAll(async () => {
    await muster[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });
  const run = (args: readonly string[], env: Record<string, string> = {}) => runCli(args, { MUSTER_ADDRESS: muster.address, ...env });

  test("without one the exit code is 4, and the answer says how to give one", async () => {
    expect(await run(list)).toEqual({ code: 4, out: "", err: expect.stringMatching(/^error: UNAUTHENTICATED: [^]*--token-file FILE/) });
    expect((await run([...list, "--token", "wrong"])).code).toBe(4);
  });

  test("an option, a file, a variable and a variable's file all let in", async () => {
    const path = file("token", `${viewer.token}\n`);
    expect((await run([...list, "--token", viewer.token])).code).toBe(0);
    expect((await run([...list, "--token-file", path])).code).toBe(0);
    expect((await run(list, { MUSTER_TOKEN: viewer.token })).code).toBe(0);
    expect((await run(list, { MUSTER_TOKEN_FILE: path })).code).toBe(0);
    expect((await run([...list, "--token", "x", "--token-file", path])).code).toBe(2);
    // The token in the place of its file.
    expect(await run([...list, "--token-file", "hunter2"])).toEqual({ code: 2, out: "", err: expect.not.stringContaining("hunter2") });
  });

  test("who may only look may not register, with 4 and the role that is needed", async () => {
    const { code, err } = await run(["register", "a", "127.0.0.1:9", "-t", "service"], { MUSTER_TOKEN: viewer.token });
    expect([code, err]).toEqual([4, expect.stringMatching(/error: PERMISSION_DENIED: [^]*needed_role registrar/)]);
  });

  test("config and doctor never print it", async () => {
    for (const command of ["config", "doctor"]) {
      for (const format of ["table", "json"]) {
        const { out, err } = await run([command, "-o", format], { MUSTER_TOKEN: viewer.token, MUSTER_LISTEN: muster.address });
        expect(out).not.toBe("");
        expect(out + err).not.toContain(viewer.token);
      }
    }
  });
});

describe("in open mode", () => {
  const seen: Principal[] = [];
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ unregister: (_request, context) => (seen.push(context.values.get(principalKey)), { success: true }) });
  });
  afterAll(() => server.close(0));
  const run = (args: readonly string[] = [], env: Record<string, string> = {}) =>
    runCli(["unregister", "a", "10.0.0.1:80", "--address", server.address, ...args], env);

  test("the caller is who options or variables say, else anonymous; options go first", async () => {
    const env = { MUSTER_PRINCIPAL: "bob", MUSTER_GROUPS: "sales", MUSTER_ROLES: "owner" };
    await run();
    await run(["--as", "amy", "--as-groups", "payments,on call", "--as-roles", "security"]);
    await run([], env);
    await run(["--as", "zoe"], env);
    expect(seen.map(({ key, groups, claimedRoles }) => [key, groups, claimedRoles])).toEqual([
      ["open|anonymous", [], []],
      ["open|amy", ["payments", "on call"], ["security"]],
      ["open|bob", ["sales"], ["owner"]],
      ["open|zoe", ["sales"], ["owner"]],
    ]);
  });

  test("what cannot be sent is refused here, what breaks the rules by the server", async () => {
    expect(await run(["--as", "zoë"])).toMatchObject({ code: 2, err: expect.stringContaining('--as: "zoë" must be ASCII') });
    expect(await run(["--as-groups", "payments"])).toMatchObject({ code: 2, err: expect.stringMatching(/INVALID_FIELDS[^]*muster-principal/) });
  });
});

describe("with TLS", () => {
  let certs: Certificates;
  let backing: Backing;
  let muster: MusterProcess;
  let plain: MusterProcess;
  const paths = { ca: "", cert: "", key: "", stranger: "" };
  beforeAll(async () => {
    certs = makeCertificates();
    backing = await embeddedBacking();
    Object.assign(paths, { ca: certs.caFile, cert: file("client.crt", certs.client.cert), key: file("client.key", certs.client.key) });
    const tls = { MUSTER_TLS_CERT: file("server.crt", certs.server.cert), MUSTER_TLS_KEY: file("server.key", certs.server.key) };
    [muster, plain] = await Promise.all([
      startMuster({ ...backing.env, ...tls, MUSTER_TLS_CLIENT_CA: certs.caFile }),
      startMuster({ MUSTER_STORE: "sqlite::memory:" }),
    ]);
  });
  afterAll(async () => {
    await plain[Symbol.asyncDispose]();
    await muster[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
    certs[Symbol.dispose]();
  });
  const run = (...args: readonly string[]) => runCli([...list, "--address", muster.address, ...args]);

  test("with authority and client certificate it calls; variables do as well as options", async () => {
    expect(await run("--tls-ca", paths.ca, "--tls-cert", paths.cert, "--tls-key", paths.key)).toMatchObject({ code: 0, err: "" });
    const env = { MUSTER_ADDRESS: `https://${muster.address}`, MUSTER_CLIENT_CA: paths.ca, MUSTER_CLIENT_CERT: paths.cert, MUSTER_CLIENT_KEY: paths.key };
    expect(await runCli(list, env)).toMatchObject({ code: 0, err: "" });
  });

  test.each([
    ["plaintext to TLS", (): readonly string[] => [], /accepts only TLS[^]*Add --tls/],
    ["TLS without the authority", () => ["--tls"], /not signed by a trusted authority[^]*--tls-ca FILE/],
    ["TLS without the client's certificate", () => ["--tls-ca", paths.ca], /client certificate[^]*--tls-cert FILE and --tls-key FILE/],
  ])("%s ends with 7 and says what to add", async (_what, args, message) => {
    expect(await run(...args())).toEqual({ code: 7, out: "", err: expect.stringMatching(message) });
  });

  test("TLS to plaintext ends with 7 and says what to leave out", async () => {
    const { code, err } = await runCli([...list, "--address", plain.address, "--tls-ca", paths.ca]);
    expect([code, err]).toEqual([7, expect.stringMatching(/does not use TLS[^]*Leave out --tls/)]);
  });
});

describe("no server", () => {
  async function listening(onConnection: Parameters<typeof createServer>[1]): Promise<{ readonly server: Server; readonly address: string }> {
    const server = createServer({}, onConnection).listen(0, "127.0.0.1");
    await once(server, "listening");
    const bound = server.address();
    return { server, address: `127.0.0.1:${typeof bound === "object" ? bound?.port : 0}` };
  }

  test("nothing listens: 7, and what to start", async () => {
    const address = "127.0.0.1:9";
    const { code, out, err } = await runCli(list, { MUSTER_ADDRESS: address });
    expect([code, out]).toEqual([7, ""]);
    expect(err).toMatch(new RegExp(`nothing listens at ${address}\n.*node bin/muster\\.js serve\n.*--address HOST:PORT.*\n.*node bin/muster\\.js doctor\n$`));
    const { error } = JSON.parse((await runCli([...list, "-o", "json"], { MUSTER_ADDRESS: address })).err) as { error: { status: string; hints: string[] } };
    expect([error.status, error.hints.length]).toEqual(["UNAVAILABLE", 3]);
  });

  test("a host that is not known: 7", async () => {
    expect(await runCli([...list, "--address", "muster.invalid:7430"])).toMatchObject({
      code: 7,
      err: expect.stringContaining("the host of muster.invalid:7430 cannot be resolved"),
    });
  });

  test("something that accepts and says nothing: 7 at the deadline", async () => {
    const { server, address } = await listening((socket) => socket.on("error", () => undefined).resume());
    const { code, err } = await runCli([...list, "--address", address, "--timeout", "3s"]);
    expect([code, err]).toEqual([7, expect.stringContaining(`${address} gave no answer in time`)]);
    server.close();
  });

  test("something that ends every connection: 7, and that it may be TLS", async () => {
    const { server, address } = await listening((socket) => socket.destroy());
    expect(await runCli([...list, "--address", address])).toMatchObject({
      code: 7,
      err: expect.stringMatching(/accepts connections and closes them[^]*--tls/),
    });
    server.close();
  });

  test("another HTTP server: 7, and that it is no Muster", async () => {
    const { server, address } = await listening((socket) =>
      socket.on("error", () => undefined).end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    );
    expect(await runCli([...list, "--address", address])).toMatchObject({ code: 7, err: expect.stringMatching(/the server at .* is not a Muster/) });
    server.close();
  });
});
