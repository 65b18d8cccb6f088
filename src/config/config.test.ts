import { describe, expect, test } from "vitest";
import { allVariables, ConfigError, parseConfig } from "./config.ts";
import type { Settings } from "./settings.ts";
import { registrationTopic } from "../registration/events.ts";
import { events } from "../events.ts";

function parse(settings: Settings, files: Record<string, string> = {}) {
  return parseConfig(settings, (path) => {
    const content = files[path];
    if (content === undefined) throw new Error("no such file");
    return content;
  });
}

function problemsOf(settings: Settings): readonly string[] {
  try {
    parse(settings);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("configuration", () => {
  test("nothing set: embedded everything, on loopback, open", () => {
    expect(parse({})).toMatchObject({
      listen: { host: "127.0.0.1", port: 7430 },
      store: { kind: "sqlite", path: "./.muster/muster.db" },
      catalog: { kind: "embedded" },
      schemas: { kind: "embedded" },
      events: { kind: "embedded" },
      auth: { kind: "open" },
      modules: { allowLoopback: true },
    });
  });

  test("the four servers by URL", () => {
    const config = parse({
      MUSTER_STORE: "mysql://muster:pw@db:3306/muster",
      MUSTER_CATALOG: "consul+http://consul:8500/",
      MUSTER_SCHEMAS: "apicurio+https://schemas/apis/registry/v3",
      MUSTER_EVENTS: "kafka://k1:9092,k2:9092",
    });
    expect(config.store).toEqual({ kind: "mysql", url: "mysql://muster:pw@db:3306/muster" });
    expect(config.catalog).toMatchObject({ kind: "consul", url: "http://consul:8500" });
    expect(config.schemas).toMatchObject({ kind: "apicurio", url: "https://schemas/apis/registry/v3" });
    expect(config.events).toEqual({ kind: "kafka", brokers: ["k1:9092", "k2:9092"] });
  });

  test("origins of browsers are as browsers send them", () => {
    expect(parse({}).corsOrigins).toEqual([]);
    expect(parse({ MUSTER_CORS_ORIGINS: "https://a.example, http://localhost:3000" }).corsOrigins).toEqual(["https://a.example", "http://localhost:3000"]);
    for (const bad of ["*", "a.example", "https://a.example/", "https://A.example", "https://a.example:443", "https://a.example,", "null"]) {
      expect(problemsOf({ MUSTER_CORS_ORIGINS: bad })).toEqual([expect.stringContaining("MUSTER_CORS_ORIGINS")]);
    }
  });

  test("a client certificate for modules comes with its key, and the other way round", () => {
    const pair = { MUSTER_MODULE_CERT: "c.pem", MUSTER_MODULE_KEY: "k.pem" };
    expect(parse({}).modules.clientCertificate).toBeUndefined();
    expect(parse(pair).modules.clientCertificate).toEqual({ certFile: "c.pem", keyFile: "k.pem" });
    for (const name of ["MUSTER_MODULE_CERT", "MUSTER_MODULE_KEY"]) {
      expect(problemsOf({ ...pair, [name]: "" })).toEqual(["MUSTER_MODULE_CERT and MUSTER_MODULE_KEY must be set together"]);
    }
  });

  test.each(["TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA", "MODULE_CA", "MODULE_CERT", "MODULE_KEY"])("MUSTER_%s is the path of a file, not its text", (name) => {
    const problems = problemsOf({ [`MUSTER_${name}`]: "-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----" });
    expect(problems).toContain(`MUSTER_${name} has the text of a PEM file; it must be the path of one`);
  });

  test("every problem is reported at once", () => {
    const problems = problemsOf({
      MUSTER_LISTEN: "nowhere",
      MUSTER_STORE: "postgres://x/y",
      MUSTER_CATALOG: "http://consul:8500",
      MUSTER_SCHEMAS: "apicurio://x",
      MUSTER_EVENTS: "kafka://",
      MUSTER_AUTH: "maybe",
      MUSTER_DIRECTORY: "people.yaml",
      MUSTER_TLS_CERT: "cert.pem",
      MUSTER_MODULE_ADDRESSES: "10.0.0.0/8,everything",
      MUSTER_ATTEMPT_LEASE: "1h",
      MUSTER_LOG_LEVEL: "loud",
    });
    for (const name of ["LISTEN", "STORE", "CATALOG", "SCHEMAS", "EVENTS", "AUTH", "DIRECTORY", "TLS_CERT", "MODULE_ADDRESSES", "ATTEMPT_LEASE", "LOG_LEVEL"]) {
      expect(problems.filter((problem) => problem.includes(`MUSTER_${name}`))).not.toEqual([]);
    }
  });

  test("whatever is wrong with a variable, what is said of it has neither its secret nor what a terminal would obey", () => {
    for (const [name, { secret }] of Object.entries(allVariables)) {
      const key = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----";
      for (const value of ["https://u:hunter2@\u001b[31mx", "https://u:hunter2@x", "\u001b[31m \u202ehunter", key]) {
        const said = problemsOf({ [name]: value, [`${name}\u001b[31m`]: "x", ...(secret ? { [`${name}_FILE`]: value } : {}) }).join("\n");
        expect([name, ["hunter2", "\u001b", "\u202e"].filter((part) => said.includes(part))]).toEqual([name, []]);
      }
    }
  });

  test.each([
    ["MUSTER_LISTEN", [" 127.0.0.1:1", "127.0.0.1 :1", "h/x:1"]],
    ["MUSTER_STORE", ["sqlite://muster.db", "sqlite://./muster.db"]],
    ["MUSTER_CATALOG", ["consul+http://c:8500/ui", "consul+http://c:8500?token=x", "consul+http://c:8500 ", "consul+http://u:x%zz@c:8500"]],
    ["MUSTER_CATALOG_TOKEN", ["two\nlines", "schlüssel"]],
    ["MUSTER_SCHEMAS_TOKEN", ["\u001b"]],
    [
      "MUSTER_SCHEMAS",
      ["apicurio+http://s:1", "apicurio+http://s:1/apis/registry/v2", "apicurio+http://s:1/apis/registry/v3?x=y", "apicurio+http://u:%ff@s:1/apis/registry/v3"],
    ],
    ["MUSTER_EVENTS", ["kafka://k:0", "kafka://k:65536", "kafka://k:1,"]],
    ["MUSTER_MODULE_ADDRESSES", [" ", ",", "10/8", "010.0.0.0/8", "::ffff:10.0.0.0/104"]],
    ["MUSTER_WEBHOOK_ADDRESSES", [" , ", "1/0"]],
  ])("%s is no other value than it seems to be", (name, values) => {
    for (const value of values) {
      const server = name.endsWith("_TOKEN") ? { MUSTER_CATALOG: "consul+http://c:1", MUSTER_SCHEMAS: "apicurio+http://s:1/apis/registry/v3" } : {};
      const problems = problemsOf({ ...server, [name]: value });
      expect([value, problems]).toEqual([value, [expect.stringMatching(new RegExp(`^${name}\\b`))]]);
    }
  });

  test.each([
    ["MUSTER_CATALOG", "consul+http//u:hunter2@consul:8500"],
    ["MUSTER_CATALOG", "http://u:hunter2@consul:8500"],
    ["MUSTER_CATALOG", "http://hunter2@consul:8500"],
    ["MUSTER_CATALOG", "consul://consul:8500?token=hunter2"],
    ["MUSTER_SCHEMAS", "apicurio+https:/u:hunter2@registry/apis"],
    ["MUSTER_SCHEMAS", "https://registry/apis?access_token=hunter2#token=hunter2"],
    ["MUSTER_EVENTS", "kafka://u:hunter2@kafka:9092"],
    ["MUSTER_EVENTS", "kafka://hunter2@kafka:9092"],
    ["MUSTER_EVENTS", "kafka://u:hunter2@k1:9092,u:hunter2@k2:9092"],
    ["MUSTER_EVENTS", "kafka:k1:9092?sasl.password=hunter2"],
    ["MUSTER_STORE", "mysq://u:hunter2@db/muster"],
    ["MUSTER_STORE_FILE", "mysql://u:hunter2@db/muster"],
    ["MUSTER_LISTEN", "https://u:hunter2@here:1"],
    ["MUSTER_AUTH", "basic:u:hunter2@here"],
    ["MUSTER_ADVERTISE", "http://u:hunter2@here"],
  ])("what is wrong with %s is said without the secret: %s", (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems.join("\n")).toContain(name);
    expect(problems.join("\n")).not.toContain("hunter2");
  });

  test("a domain's events go to one topic, but for the types that have their own; MUSTER_EVENTS_TOPIC names that of registrations", () => {
    expect(parse({}).eventWire).toMatchObject({ format: "cloudevents", topics: { ModuleRegistered: "platform.registration.events" } });
    const { eventWire } = parse({
      MUSTER_EVENTS: "kafka://k:9092",
      MUSTER_EVENTS_FORMAT: "json",
      MUSTER_EVENTS_TOPIC: "all",
      MUSTER_EVENTS_TOPICS: "ModuleRegistered=up, ModuleUnregistered=down",
    });
    const own = { ModuleRegistered: "up", ModuleUnregistered: "down" };
    expect(eventWire).toEqual({
      format: "json",
      topics: { ...Object.fromEntries(events.map(({ type, topic }) => [type, topic === registrationTopic ? "all" : topic])), ...own },
    });
    expect(eventWire.topics).toMatchObject({ InstanceReaped: "all", ApprovalCreated: "platform.approval.events" });
  });

  test.each([
    [{ MUSTER_EVENTS_FORMAT: "avro" }, /MUSTER_EVENTS_FORMAT: "avro" must be one of/],
    [{ MUSTER_EVENTS_TOPIC: "a b" }, /MUSTER_EVENTS_TOPIC: "a b" must be a topic/],
    [{ MUSTER_EVENTS_TOPIC: ".." }, /must be a topic/],
    [{ MUSTER_EVENTS_TOPICS: "ModuleRegistered" }, /must be EVENT=topic/],
    [{ MUSTER_EVENTS_TOPICS: "ModuleRegistered=a=b" }, /must be EVENT=topic/],
    [{ MUSTER_EVENTS_TOPICS: "ModuleRegistered=ä" }, /must be a topic/],
    [{ MUSTER_EVENTS_TOPICS: "ModuleGone=a" }, /"ModuleGone" must be one of ServiceRegistered/],
    [{ MUSTER_EVENTS_TOPICS: "ModuleRegistered=a,ModuleRegistered=b" }, /ModuleRegistered is given twice/],
    [{ MUSTER_EVENTS_FORMAT: "confluent", MUSTER_EVENTS: "kafka://k:9092" }, /confluent needs MUSTER_SCHEMAS/],
    [{ MUSTER_EVENTS_FORMAT: "confluent", MUSTER_SCHEMAS: "apicurio+http://s:1/apis/registry/v3" }, /confluent needs MUSTER_EVENTS=kafka/],
    [{ MUSTER_EVENTS_FORMAT: "json" }, /json needs MUSTER_EVENTS=kafka/],
    [{ MUSTER_EVENT_RETENTION: "0d" }, /must be whole days from 1d to 3650d/],
  ])("what events cannot be: %o", (settings, problem) => {
    expect(problemsOf(settings)).toEqual([expect.stringMatching(problem)]);
  });

  test("the directory is a file, or there is none; directory.test.ts has the others", () => {
    expect(parse({}).directory).toBeUndefined();
    expect(parse({ MUSTER_DIRECTORY: "file:/etc/people.yaml" }).directory).toEqual({ kind: "file", file: "/etc/people.yaml" });
    expect(problemsOf({ MUSTER_DIRECTORY: "file:" })).toEqual([expect.stringContaining('MUSTER_DIRECTORY: "file:" must be file:PATH')]);
  });

  test("an unknown variable is an error with a suggestion", () => {
    expect(problemsOf({ MUSTER_CATALOGUE: "embedded" })).toEqual(["MUSTER_CATALOGUE is not known; did you mean MUSTER_CATALOG?"]);
    expect(problemsOf({ MUSTER_LISTEN_FILE: "x" })).toHaveLength(1);
    expect(problemsOf({ OTHER_THING: "x" })).toEqual([]);
    expect(problemsOf({ MUSTER_ADRESS: "h:1" })).toEqual(["MUSTER_ADRESS is not known; did you mean MUSTER_ADDRESS?"]);
  });

  test("what only the commands of a client read may stand in a server's environment", () => {
    expect(problemsOf({ MUSTER_ADDRESS: "h:1", MUSTER_TOKEN_FILE: "/run/absent", MUSTER_CLIENT_CA: "/run/absent" })).toEqual([]);
  });

  test.each(["0.0.0.0:7430", "[::]:7430", "10.0.0.1:7430", "muster.example:7430"])("open is refused on %s", (listen) => {
    expect(problemsOf({ MUSTER_LISTEN: listen }).join()).toMatch(/refused on a non-loopback address/);
    expect(problemsOf({ MUSTER_LISTEN: listen, MUSTER_AUTH: "tokens:/run/tokens.json" })).toEqual([]);
  });

  test("off loopback modules on loopback are denied by default", () => {
    expect(parse({ MUSTER_LISTEN: "0.0.0.0:7430", MUSTER_AUTH: "tokens:t" }).modules.allowLoopback).toBe(false);
  });

  test("secrets may come from files, not from both places, and never stand in a message", () => {
    const file = parse({ MUSTER_STORE_FILE: "/run/store" }, { "/run/store": "mysql://u:secret@h/d\n" });
    expect(file.store).toEqual({ kind: "mysql", url: "mysql://u:secret@h/d" });
    expect(problemsOf({ MUSTER_STORE_FILE: "/run/absent" })).toEqual(["MUSTER_STORE_FILE: the file /run/absent cannot be read"]);
    expect(parse({ MUSTER_STORE: "", MUSTER_STORE_FILE: "/run/store" }, { "/run/store": "sqlite:./x.db" }).store).toEqual({ kind: "sqlite", path: "./x.db" });
    expect(parse({ MUSTER_STORE: "sqlite:./x.db", MUSTER_STORE_FILE: "" }).store).toEqual({ kind: "sqlite", path: "./x.db" });
    expect(() => parse({ MUSTER_STORE_FILE: "/run/store" }, { "/run/store": "\n" })).toThrow("MUSTER_STORE_FILE: the file /run/store is empty");
    const instead = problemsOf({ MUSTER_CATALOG_TOKEN_FILE: "hunter2" }).join("\n");
    expect(instead).toMatch(/^MUSTER_CATALOG_TOKEN_FILE: the file \*\*\* cannot be read; its name is not shown/);
    const both = problemsOf({ MUSTER_STORE_FILE: "/run/absent", MUSTER_STORE: "mysq://u:secret@h/d" }).join("\n");
    expect(both).toMatch(/both set/);
    expect(both).not.toContain("secret");
  });

  const consul = { MUSTER_CATALOG: "consul+http://127.0.0.1:8500" };
  const remote = { MUSTER_CATALOG: "consul+http://consul:8500", MUSTER_AUTH: "tokens:x" };
  test.each([
    [{}, undefined],
    [{ MUSTER_ADVERTISE: "10.0.0.5" }, undefined],
    [consul, { name: "muster", host: "127.0.0.1" }],
    [
      { ...consul, MUSTER_LISTEN: "[::1]:1" },
      { name: "muster", host: "::1" },
    ],
    [{ ...consul, MUSTER_SELF_REGISTER: "off" }, undefined],
    [
      { ...consul, MUSTER_SELF_NAME: "registry", MUSTER_ADVERTISE: "[fd00::1]:443" },
      { name: "registry", host: "fd00::1", port: 443 },
    ],
    [remote, undefined],
    [{ ...remote, MUSTER_LISTEN: "0.0.0.0:7430" }, undefined],
    [
      { ...remote, MUSTER_LISTEN: "[::]:7430", MUSTER_ADVERTISE: "muster.internal" },
      { name: "muster", host: "muster.internal" },
    ],
    [
      { ...remote, MUSTER_LISTEN: "10.0.0.5:7430" },
      { name: "muster", host: "10.0.0.5" },
    ],
    [{ ...consul, MUSTER_TLS_CERT: "c", MUSTER_TLS_KEY: "k", MUSTER_TLS_CLIENT_CA: "ca" }, undefined],
    [
      { ...consul, MUSTER_TLS_CERT: "c", MUSTER_TLS_KEY: "k", MUSTER_TLS_CLIENT_CA: "ca", MUSTER_TLS_CLIENT_AUTH: "optional" },
      { name: "muster", host: "127.0.0.1" },
    ],
  ])("with %j the server's own entry is %j", (settings, self) => {
    expect(parse(settings).self).toEqual(self);
  });

  test.each([
    [{ MUSTER_SELF_REGISTER: "on" }, /MUSTER_SELF_REGISTER: on needs MUSTER_CATALOG/],
    [{ ...remote, MUSTER_LISTEN: "0.0.0.0:7430", MUSTER_SELF_REGISTER: "on" }, /on needs MUSTER_ADVERTISE/],
    [
      { ...consul, MUSTER_SELF_REGISTER: "on", MUSTER_TLS_CERT: "c", MUSTER_TLS_KEY: "k", MUSTER_TLS_CLIENT_CA: "ca" },
      /cannot be combined with MUSTER_TLS_CLIENT_CA/,
    ],
    [{ MUSTER_SELF_REGISTER: "perhaps" }, /must be one of auto, on, off/],
    [{ MUSTER_SELF_NAME: "a b" }, /MUSTER_SELF_NAME: "a b" must be a DNS label/],
    [{ MUSTER_ADVERTISE: "host:99999" }, /MUSTER_ADVERTISE: "host:99999" must be/],
    [{ MUSTER_RECONCILE: "maybe" }, /MUSTER_RECONCILE: "maybe" must be one of on, validate, off/],
  ])("%j is refused", (settings, problem) => {
    expect(problemsOf(settings).join("\n")).toMatch(problem);
  });

  test("webhooks reach loopback from there alone, and the named ranges alone", () => {
    expect(parse({}).webhooks).toEqual({ allowLoopback: true, allowedRanges: [] });
    const there = parse({ MUSTER_LISTEN: "10.0.0.1:1", MUSTER_AUTH: "tokens:t", MUSTER_WEBHOOK_ADDRESSES: "203.0.113.0/24, fd00::/8" });
    expect(there.webhooks).toEqual({ allowLoopback: false, allowedRanges: ["203.0.113.0/24", "fd00::/8"] });
    expect(problemsOf({ MUSTER_WEBHOOK_ADDRESSES: "10.0.0.0/8,everything" })).toEqual([
      'MUSTER_WEBHOOK_ADDRESSES: "everything" must be a CIDR range such as 10.0.0.0/8 or fd00::/8',
    ]);
  });
});
