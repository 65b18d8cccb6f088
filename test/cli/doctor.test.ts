/** `muster doctor`: what it finds wrong, what it says to do, and that it needs no server. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { isAtLeast } from "../../src/cli/doctor/versions.ts";
import { startHttpServer } from "../support/http-server.ts";
import { eventually } from "../support/instances.ts";
import { runCli } from "../support/muster-cli.ts";
import { createDatabase, embeddedBacking, execute, startMuster, type Environment } from "../support/muster.ts";
import { startOwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-doctor-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Report {
  readonly code: unknown;
  readonly findings: readonly Finding[];
  /** `state text` of an area, joined. */
  of(area: string): string;
}

async function doctor(env: Environment, ...args: readonly string[]): Promise<Report> {
  // Nothing listens on port 9 here, so that no server of somebody else is found.
  const { code, out, err } = await runCli(["doctor", "-o", "json", "--address", "127.0.0.1:9", ...args], {
    MUSTER_LISTEN: "127.0.0.1:0",
    MUSTER_STORE: `sqlite:${join(folder, "absent.db")}`,
    ...env,
  });
  expect(err).toBe("");
  const { findings, ok } = JSON.parse(out) as { findings: Finding[]; ok: boolean };
  expect(ok).toBe(code === 0);
  for (const { state, todo, area } of findings) if (state === "bad" && area !== "server") expect(todo).not.toBe("");
  const of = (area: string): string =>
    findings
      .filter((it) => it.area === area)
      .map(({ state, text }) => `${state} ${text}`)
      .join("\n");
  return { code, findings, of };
}

/** A server for the length of `use`, which is given its `host:port`. */
async function serving(listener: RequestListener, use: (address: string) => Promise<void>): Promise<void> {
  await using server = await startHttpServer(listener);
  await use(`127.0.0.1:${server.port}`);
}

const json =
  (answers: Readonly<Record<string, unknown>>, status = 200): RequestListener =>
  (request, response) => {
    const answer = answers[request.url ?? ""];
    response.writeHead(answer === undefined ? 404 : status).end(JSON.stringify(answer ?? {}));
  };

describe("muster doctor", () => {
  test("nothing configured, nothing running: nothing wrong, and what there is to know", async () => {
    const { code, findings, of } = await doctor({});
    expect(code).toBe(0);
    expect(findings.filter(({ state }) => state === "bad")).toEqual([]);
    expect(of("auth")).toMatch(/^warn open/);
    expect(of("store")).toMatch(/^ok .* will be created/);
    expect(of("server")).toMatch(/^ok none runs/);
    const text = await runCli(["doctor", "--address", "127.0.0.1:9"], { MUSTER_LISTEN: "127.0.0.1:0", MUSTER_STORE: `sqlite:${join(folder, "absent.db")}` });
    expect(text.out).toMatch(/✓ node [^]*! auth [^]*→ [^]*No problems, 1 warning\.\n$/);
  });

  test("a configuration that is not valid: every problem", async () => {
    const { code, of } = await doctor({ MUSTER_LISTEN: "nowhere", MUSTER_STROE: "x", MUSTER_EVENTS: "kafka" }, "--tls-cert", "/dev/null");
    expect(code).toBe(1);
    for (const name of ["MUSTER_LISTEN", "MUSTER_STROE", "MUSTER_EVENTS"]) expect(of("configuration")).toContain(`bad ${name}`);
    expect(of("client")).toBe("bad --tls-cert and --tls-key must be given together");
  });

  test("a server that runs with this configuration: seen as such, port, store and health", async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster(backing.env);
    const { code, of } = await doctor({ ...backing.env, MUSTER_LISTEN: muster.address }, "--address", muster.address);
    expect(code).toBe(0);
    expect(of("listen")).toMatch(/^ok .* in use by a running Muster/);
    expect(of("store")).toMatch(/^ok .* in use by the running Muster/);
    expect(of("server")).toBe(`ok runs at ${muster.address}, all its dependencies answer`);
    const elsewhere = await doctor(backing.env);
    expect([elsewhere.code, elsewhere.of("store")]).toEqual([1, expect.stringMatching(/^bad .* locked by another process/)]);
  });

  test("a directory: how many people, every problem with its line, a file that is not there", async () => {
    const [good, bad] = [join(folder, "people.yaml"), join(folder, "bad.yaml")];
    writeFileSync(good, "people:\n  - key: t|amy\n  - {key: t|bob, enabled: false}\n");
    writeFileSync(bad, "people:\n  - key: amy\n  - {key: t|bob, enabled: maybe}\n");
    expect((await doctor({ MUSTER_DIRECTORY: `file:${good}` })).of("directory")).toBe(`ok 2 people in ${good}, 1 of them disabled`);
    const { code, of } = await doctor({ MUSTER_DIRECTORY: `file:${bad}` });
    expect([code, of("directory")]).toEqual([1, expect.stringMatching(/^bad .*people\[0\]\.key .*\(line 2\); people\[1\]\.enabled .*\(line 3\)$/)]);
    expect((await doctor({ MUSTER_DIRECTORY: `file:${good}.not` })).of("directory")).toMatch(/^bad the file .* cannot be read \(ENOENT\)/);
    expect((await doctor({})).of("directory")).toBe("");
  });

  test("a port that another program has", async () => {
    await serving(json({}), async (address) => {
      const { code, of } = await doctor({ MUSTER_LISTEN: address }, "--address", address);
      expect([code, of("listen")]).toEqual([1, `bad ${address} is in use by another program`]);
      expect(of("server")).toMatch(/^bad /);
    });
  });

  test("a store of a newer version, and one that is no database", async () => {
    const [newer, broken] = [join(folder, "newer.db"), join(folder, "broken.db")];
    const database = new DatabaseSync(newer);
    database.exec("create table muster_migrations (name text); insert into muster_migrations values ('9999-future')");
    database.close();
    writeFileSync(broken, "this is no database, and long enough to be seen as none".repeat(50));
    expect((await doctor({ MUSTER_STORE: `sqlite:${newer}` })).of("store")).toMatch(/^bad .* migrated by a newer Muster \(9999-future\)/);
    expect((await doctor({ MUSTER_STORE: `sqlite:${broken}` })).of("store")).toMatch(/^bad .* cannot be opened/);
  });

  test("certificates: a wrong pair, one that ended, files that are not there", async () => {
    const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
    const make = (name: string, ...days: readonly string[]) => {
      const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
      const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost".split(" ");
      openssl(...kind, "-keyout", key, "-out", cert, ...days);
      return { cert, key };
    };
    const [good, other] = [make("good", "-days", "300"), make("other", "-days", "3")];
    const areas = { tls: ["MUSTER_TLS_CERT", "MUSTER_TLS_KEY"], modules: ["MUSTER_MODULE_CERT", "MUSTER_MODULE_KEY"] } as const;
    const of = async (cert: string, key: string): Promise<string> => {
      const found = await doctor(
        Object.fromEntries(
          Object.values(areas).flatMap(([forCert, forKey]) => [
            [forCert, cert],
            [forKey, key],
          ]),
        ),
      );
      expect(found.of("modules")).toBe(found.of("tls"));
      return found.of("tls");
    };
    expect(await of(good.cert, good.key)).toMatch(/^ok certificate and key match, valid until /);
    expect(await of(other.cert, other.key)).toMatch(/^warn the certificate expires on /);
    expect(await of(good.cert, other.key)).toMatch(/^bad the key does not belong to the certificate/);
    expect(await of("/nowhere.crt", good.key)).toMatch(/^bad the file \/nowhere.crt cannot be read \(ENOENT\)/);
    const clients = async (ca: string, more: Readonly<Record<string, string>> = {}) =>
      (await doctor({ MUSTER_TLS_CERT: good.cert, MUSTER_TLS_KEY: good.key, MUSTER_TLS_CLIENT_CA: ca, ...more })).of("tls").split("\n")[0];
    expect(await clients(other.cert)).toBe(`ok clients must have a certificate of ${other.cert}`);
    expect(await clients(other.cert, { MUSTER_TLS_CLIENT_AUTH: "optional" })).toBe(`ok clients may have a certificate of ${other.cert}`);
    expect(await clients(good.key)).toBe(`bad ${good.key} has no certificate`);
    expect(await clients("/nowhere.crt")).toBe("bad the file /nowhere.crt cannot be read (ENOENT)");
    const broken = join(folder, "broken.crt");
    writeFileSync(broken, "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n");
    expect(await clients(broken)).toBe("bad certificate or key cannot be read as PEM");
    const modules = async (ca: string) => (await doctor({ MUSTER_MODULE_CA: ca })).of("modules");
    expect(await modules(other.cert)).toBe(`ok authorities in ${other.cert}`);
    expect(await modules(good.key)).toBe(`bad ${good.key} has no certificate`);
    expect(await modules(broken)).toBe("bad certificate or key cannot be read as PEM");
    chmodSync(good.key, 0o644);
    expect(await of(good.cert, good.key)).toMatch(/^warn .* is world-readable$/m);
  });

  test("a token file that is not valid, and a secret that everybody may read", async () => {
    const [tokens, secret] = [join(folder, "tokens.json"), join(folder, "catalog-token")];
    writeFileSync(tokens, '{"tokens": [{"principal": "ci"}]}');
    writeFileSync(secret, "hunter2", { mode: 0o644 });
    const { of } = await doctor({ MUSTER_AUTH: `tokens:${tokens}`, MUSTER_CATALOG_TOKEN_FILE: secret });
    expect(of("auth")).toMatch(/^bad the token file is not valid: tokens\[0\].roles/);
    expect(of("secrets")).toBe(`warn ${secret} is world-readable`);
  });

  test("servers that are away", async () => {
    const { code, of, findings } = await doctor({
      MUSTER_STORE: "mysql://muster:hunter2@127.0.0.1:9/muster",
      MUSTER_CATALOG: "consul+http://127.0.0.1:9",
      MUSTER_SCHEMAS: "apicurio+http://127.0.0.1:9/apis/registry/v3",
      MUSTER_EVENTS: "kafka://127.0.0.1:9",
    });
    expect(code).toBe(1);
    for (const area of ["store", "catalog", "schemas", "events"]) expect(of(area)).toMatch(/^bad .*127\.0\.0\.1:9/);
    expect(JSON.stringify(findings)).not.toContain("hunter2");
  });

  test("a Consul that is too old, without a leader, with a clock ahead and a token that may not write", async () => {
    const consul = json({
      "/v1/agent/self": { Config: { Version: "1.7.2" }, DebugConfig: { ACLsEnabled: true } },
      "/v1/status/leader": "",
      "/v1/internal/acl/authorize": [
        { Resource: "service", Access: "write", Allow: false },
        { Resource: "node", Access: "read", Allow: true },
      ],
    });
    const ahead: RequestListener = (request, response) => {
      response.setHeader("date", new Date(Date.now() + 60_000).toUTCString());
      consul(request, response);
    };
    await serving(ahead, async (address) => {
      const { of } = await doctor({ MUSTER_CATALOG: `consul+http://${address}` });
      expect(of("catalog")).toMatch(
        /bad .* version 1\.7\.2, is too old\n.*warn the clock of Consul is (5\d|60) s ahead[^]*bad .* no leader\nbad .* denies service:write/,
      );
    });
    await serving(json({ "/v1/agent/self": {} }, 403), async (address) => {
      expect((await doctor({ MUSTER_CATALOG: `consul+http://${address}` })).of("catalog")).toMatch(/^bad .* denies agent:read/);
    });
  });

  test("an Apicurio that is too old, read-only, and whose user may only read", async () => {
    const apicurio = json({
      "/apis/registry/v3/system/info": { version: "2.6.1" },
      "/apis/registry/v3/system/uiConfig": { features: { readOnly: true } },
      "/apis/registry/v3/users/me": { username: "eve", admin: false, developer: false, viewer: true },
    });
    await serving(apicurio, async (address) => {
      const { of } = await doctor({ MUSTER_SCHEMAS: `apicurio+http://${address}/apis/registry/v3` });
      expect(of("schemas")).toMatch(/bad .* 2\.6\.1, is too old\nbad .* read-only\nbad .* may only read/);
    });
  });

  test.each([
    ["1.8.0", "1.8.0", true],
    ["1.8.7+ent", "1.8.0", true],
    ["1.10.0", "1.8.0", true],
    ["1.7.9", "1.8.0", false],
    ["9.7.4-2", "8.0.17", true],
    ["8.0.16", "8.0.17", false],
    ["none", "1.0.0", false],
  ])("version %s, wanted %s: %s", (version, wanted, enough) => {
    expect(isAtLeast(version, wanted)).toBe(enough);
  });
});

describeReal("muster doctor on the real servers", (servers) => {
  const env = (store: string): Environment => ({
    MUSTER_STORE: store,
    MUSTER_CATALOG: `consul+${servers.consul}`,
    MUSTER_SCHEMAS: `apicurio+${servers.apicurio}`,
    MUSTER_EVENTS: `kafka://${servers.kafka}`,
  });

  test("all of them are found well, with their versions, and nothing is changed", async () => {
    const database = await createDatabase(servers.mysql);
    try {
      const { code, of } = await doctor(env(database.url));
      expect(code).toBe(0);
      expect(of("store")).toMatch(/^ok mysql .*, version \d.*, empty: the tables are created at the start$/);
      expect(of("catalog")).toMatch(/^ok consul .*, version 1\./);
      expect(of("schemas")).toMatch(/^ok apicurio .*, version 3\./);
      expect(of("events")).toMatch(/^ok kafka .*, 1 broker/);
      expect((await doctor(env(database.url))).of("store")).toContain("empty");
      await execute(database.url, "create table muster_migrations (name varchar(255))");
      await execute(database.url, "insert into muster_migrations values ('9999-future')");
      expect((await doctor(env(database.url))).of("store")).toMatch(/^bad .* migrated by a newer Muster/);
    } finally {
      await database.drop();
    }
  });

  test("a Consul that denies: no token, one that may only read, one that may everything", async () => {
    await using consul = await startOwnConsul(servers, { masterToken: "the-master" });
    const acl = async (path: string, body: object): Promise<Record<string, string>> => {
      const answer = await fetch(`${consul.url}/v1/acl/${path}`, { method: "PUT", headers: { "x-consul-token": "the-master" }, body: JSON.stringify(body) });
      return (await answer.json()) as Record<string, string>;
    };
    const rules = ["agent", "node", "service"].map((resource) => `${resource}_prefix "" { policy = "read" }`).join(" ");
    // A new cluster says for a moment that its ACLs are not there yet.
    await eventually(async () => ((await acl("policy", { Name: "reader", Rules: rules }).catch(() => ({}))) as { Name?: string }).Name, 60_000, 100);
    const { SecretID: reader = "" } = await acl("token", { Policies: [{ Name: "reader" }] });
    const catalog = async (token: string) =>
      (await doctor({ MUSTER_CATALOG: `consul+${consul.url}`, ...(token === "" ? {} : { MUSTER_CATALOG_TOKEN: token }) })).of("catalog");
    expect(await catalog("")).toMatch(/^bad .* denies agent:read$/);
    expect(await catalog(reader)).toMatch(/^bad .* denies service:write$/);
    expect(await catalog("the-master")).toMatch(/^ok consul /);
  });

  test("a wrong password and a database that is not there", async () => {
    const wrong = new URL(servers.mysql);
    wrong.password = "hunter2";
    const { of, findings } = await doctor(env(wrong.href));
    expect(of("store")).toMatch(/^bad .* password is wrong/);
    expect(JSON.stringify(findings)).not.toContain("hunter2");
    const absent = new URL(servers.mysql);
    absent.pathname = "/muster_absent";
    expect((await doctor(env(absent.href))).of("store")).toMatch(/^bad .* the database does not exist/);
  });
});
