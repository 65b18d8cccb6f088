import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { childExecArgv, startSandboxChild } from "../src/adapters/schema-sandbox/sandbox-child.ts";
import { createSchemaSandbox, type SandboxOptions } from "../src/adapters/schema-sandbox/sandbox.ts";
import { createSchemaCheck, type SchemaCheckOptions } from "../src/adapters/schema-sandbox/schema-check.ts";
import type { DomainError, Reason } from "../src/kernel/errors.ts";
import { dialects, synthesiseSchema, type SchemaCheck } from "../src/schema-diff/schema-text.ts";

const never = new AbortController().signal;
/** For a machine that stands still now and then. */
const patient = { limitMs: 30_000, startMs: 60_000 };

type Options = SandboxOptions & SchemaCheckOptions;

/** A check in a sandbox of its own, which ends with it. */
function openCheck(options: Options = {}) {
  const sandbox = createSchemaSandbox(options);
  return Object.assign(createSchemaCheck(sandbox, options), { [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() });
}

/** The verdict of a fresh checker on each schema, in order: "valid" or the error. */
async function verdicts(schemas: readonly unknown[], options?: Options): Promise<("valid" | DomainError)[]> {
  await using check = openCheck({ ...patient, ...options });
  const found: ("valid" | DomainError)[] = [];
  for (const schema of schemas) found.push(await verdict(check, schema));
  return found;
}

function verdict(check: SchemaCheck, schema: unknown, share = "ci"): Promise<"valid" | DomainError> {
  const text = typeof schema === "string" ? schema : JSON.stringify(schema);
  return check(text, share, never).then(
    () => "valid" as const,
    (error: DomainError) => error,
  );
}

/** Ids of this process's children. */
async function children(): Promise<number[]> {
  const listing = promisify(execFile)("ps", ["-A", "-o", "ppid=", "-o", "pid="]);
  const pairs = (await listing).stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([parent, pid]) => (parent === process.pid && pid !== undefined && pid !== listing.child.pid ? [pid] : []));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));

/** 3,000 large regular expressions: some 5 s of work, and hardly any memory kept. */
const endless = { anyOf: many(3_000, (index) => ({ pattern: `(\\pL|\\pN){900}x${index}` })) };

/** Every reference makes Ajv copy what the target evaluates: 400 × 1,500 names. */
const greedy = {
  $defs: {
    wide: {
      properties: Object.fromEntries(many(1_500, (index) => [`p${index}`, { type: "string" }])),
    },
  },
  anyOf: many(400, () => ({ $ref: "#/$defs/wide" })),
};

describe("schema check", () => {
  it("accepts schemas of every dialect it knows, and the synthesised one", async () => {
    const uses = {
      type: "object",
      properties: {
        a: { type: ["string", "null"], pattern: "^[a-z\\d]+$", format: "anything" },
        b: { $ref: "#" },
      },
    };
    const schemas = dialects.map((dialect) => ({
      $schema: `http://json-schema.org/${dialect}/schema#`,
      ...uses,
    }));
    expect(await verdicts([...schemas, true, false, {}, synthesiseSchema("parser")])).toEqual(many(dialects.length + 4, () => "valid"));
  });

  it("accepts what is unusual but legal", async () => {
    const chain = many(240, (index) => [`d${index}`, { not: { $ref: `#/$defs/d${index + 1}` } }] as const);
    const schemas = [
      {
        "x-form": { widget: "text" },
        unknownKeyword: 1,
        nullable: true,
        id: "a",
        discriminator: { propertyName: "kind" },
      },
      {
        $id: "https://example.com/a",
        $defs: { b: { $anchor: "b", type: "string" } },
        properties: { b: { $ref: "#b" } },
      },
      { $dynamicAnchor: "node", properties: { child: { $dynamicRef: "#node" } } },
      {
        $schema: "https://json-schema.org/draft/2019-09/schema",
        $recursiveAnchor: true,
        properties: { child: { $recursiveRef: "#" } },
      },
      { $defs: { ...Object.fromEntries(chain), d240: {} }, $ref: "#/$defs/d0" },
      {
        properties: { a: { pattern: "^\\u0041[\\w\\-]+/(?<name>x)$" } },
        patternProperties: { "^(a+)+$": true },
      },
    ];
    expect(await verdicts(schemas)).toEqual(schemas.map(() => "valid"));
  });

  it("says what is wrong with a schema, and where", async () => {
    const cases: [unknown, Reason, string, string][] = [
      [{ properties: { a: { type: "strnig" } } }, "SCHEMA_INVALID", "/properties/a/type", "type"],
      [{ $schema: "http://json-schema.org/draft-07/schema#", items: { required: "a" } }, "SCHEMA_INVALID", "/items/required", "required"],
      [{ $schema: "http://json-schema.org/draft-06/schema#", minLength: -1 }, "SCHEMA_INVALID", "/minLength", "minLength"],
      [{ $schema: "https://json-schema.org/draft/2019-09/schema", allOf: [{}, { allOf: [] }] }, "SCHEMA_INVALID", "/allOf/1/allOf", "allOf"],
      [{ properties: { a: 5 } }, "SCHEMA_INVALID", "/properties/a", "properties"],
      [{ items: { pattern: "(" } }, "SCHEMA_INVALID", "/items/pattern", "pattern"],
      [{ properties: { a: { $ref: "#/$defs/gone" } } }, "SCHEMA_INVALID", "/properties/a/$ref", "$ref"],
      [{ $id: "https://example.com/a", items: { $ref: "#gone" } }, "SCHEMA_INVALID", "/items/$ref", "$ref"],
      [{ items: { pattern: "^(?=a)" } }, "SCHEMA_PATTERN_UNSUPPORTED", "/items/pattern", "pattern"],
      [{ pattern: "(?<n>a)\\k<n>" }, "SCHEMA_PATTERN_UNSUPPORTED", "/pattern", "pattern"],
      [{ patternProperties: { "(a)\\1": true } }, "SCHEMA_PATTERN_UNSUPPORTED", "/patternProperties/(a)\\1", "patternProperties"],
      [{ $schema: "http://json-schema.org/draft-03/schema#" }, "SCHEMA_INVALID", "/$schema", "$schema"],
      [{ items: { $ref: "https://example.com/x" } }, "SCHEMA_REMOTE_REF", "/items/$ref", "$ref"],
      ["{", "SCHEMA_NOT_JSON", "", ""],
      [JSON.stringify({ title: "x".repeat(300 * 1_024) }), "SCHEMA_TOO_LARGE", "", ""],
    ];
    const found = await verdicts(cases.map(([schema]) => schema));
    for (const [index, [, reason, pointer, keyword]] of cases.entries()) {
      expect(found[index]).toMatchObject({
        kind: "invalid",
        reason,
        metadata: { pointer, keyword },
      });
    }
  });

  it("takes a schema that claims the name of a meta-schema or of another schema for one of its own", async () => {
    const metaSchema = { $id: "https://json-schema.org/draft/2020-12/schema", type: "string" };
    const found = await verdicts([metaSchema, { $id: "urn:example:a", type: "string" }, { $id: "urn:example:a", type: "number" }, { type: "strnig" }]);
    expect(found.slice(0, 3)).toEqual(["valid", "valid", "valid"]);
    expect(found[3]).toMatchObject({ reason: "SCHEMA_INVALID" });
  });

  it("leaves Object.prototype alone", async () => {
    const text = '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"object"}},"__proto__":{"polluted":true}}';
    expect(await verdicts([text, { type: "strnig" }])).toMatchObject(["valid", { reason: "SCHEMA_INVALID" }]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("kills a check that takes too long, keeps the event loop free meanwhile, and goes on with the next", async () => {
    await using check = openCheck();
    expect(await verdict(check, {})).toBe("valid");
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 5);
    const started = performance.now();
    const [slow, next] = await Promise.all([verdict(check, endless), verdict(check, { type: "object" })]);
    clearInterval(turning);
    expect(slow).toMatchObject({ kind: "invalid", reason: "SCHEMA_COMPILE_TIMEOUT" });
    expect(next).toBe("valid");
    expect(performance.now() - started).toBeGreaterThan(1_900);
    // In this process the same work would hold the loop for the whole two seconds; without it, a few hundred turns are usual.
    expect(turns).toBeGreaterThan(20);
  });

  it("survives a schema that exhausts the child's memory", async () => {
    const found = await verdicts([greedy, { type: "object" }], { limitMs: 60_000 });
    expect(found).toMatchObject([{ kind: "invalid", reason: "SCHEMA_TOO_COMPLEX" }, "valid"]);
    expect(String(found[0])).toContain("memory");
  });

  it("answers many at once, each with its own verdict, across children", async () => {
    await using check = openCheck({ ...patient, jobsPerChild: 5 });
    const schemas = many(20, (index) => (index % 3 === 0 ? { title: `${index}`, type: index } : { title: `${index}` }));
    const found = await Promise.all(schemas.map((schema) => verdict(check, schema)));
    expect(found.map((one) => one === "valid")).toEqual(schemas.map((_, index) => index % 3 !== 0));
  });

  it("remembers verdicts by content", async () => {
    await using check = openCheck({ ...patient, places: 1, queueLength: 1 });
    const bad = { type: "strnig" };
    const first = await verdict(check, bad);
    // With the one place in the queue taken, only a remembered verdict can be given.
    const queued = [verdict(check, {}, "a"), verdict(check, true, "b")];
    expect(await verdict(check, false)).toMatchObject({ reason: "TOO_MANY_REQUESTS" });
    expect(await verdict(check, bad)).toBe(first);
    expect(await Promise.all(queued)).toEqual(["valid", "valid"]);
  });

  it("refuses who comes when the queue is full, or the share of it", async () => {
    await using check = openCheck({ ...patient, places: 1, queueLength: 2 });
    const found = await Promise.all(["a", "a", "a", "b", "c"].map((share, index) => verdict(check, { title: `${index}` }, share)));
    const full = (subject: string) => expect.objectContaining({ kind: "exhausted", reason: "TOO_MANY_REQUESTS", subject: { type: "share", name: subject } });
    expect(found).toEqual(["valid", "valid", full("a"), "valid", full("all callers")]);
  });

  it("answers an aborted caller at once and serves the others", async () => {
    await using check = openCheck({ limitMs: 4_000 });
    const caller = new AbortController();
    const slow = check(JSON.stringify(endless), "ci", caller.signal);
    const next = verdict(check, {});
    const gone = new Error("gone");
    caller.abort(gone);
    await expect(slow).rejects.toBe(gone);
    await expect(check("{}", "ci", AbortSignal.abort(gone))).rejects.toBe(gone);
    expect(await next).toBe("valid");
  });

  it("takes the place of an aborted caller out of the queue", async () => {
    await using check = openCheck({ ...patient, places: 1, queueLength: 2 });
    const first = verdict(check, { title: "first" });
    const caller = new AbortController();
    const gone = new Error("gone");
    const waiting = many(2, (index) => check(JSON.stringify({ title: `${index}` }), `waiting ${index}`, caller.signal));
    expect(await verdict(check, {}, "late")).toMatchObject({ reason: "TOO_MANY_REQUESTS" });
    caller.abort(gone);
    const next = verdict(check, {}, "late");
    for (const call of waiting) await expect(call).rejects.toBe(gone);
    expect([await first, await next]).toEqual(["valid", "valid"]);
  });

  it("starts its child at the first use, keeps it, and ends it by disposal even when it is busy", async () => {
    const check = openCheck(patient);
    expect(await children()).toEqual([]);
    expect(await verdict(check, {})).toBe("valid");
    const [first, ...others] = await children();
    expect(first).toBeDefined();
    expect(others).toEqual([]);
    expect(await verdict(check, true)).toBe("valid");
    expect(await children()).toEqual([first]);
    const slow = verdict(check, endless);
    await check[Symbol.asyncDispose]();
    expect(await slow).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(await verdict(check, false)).toMatchObject({ reason: "SHUTTING_DOWN" });
    expect(await children()).toEqual([]);
  });

  it("ends a child without work, and starts another when there is some", async () => {
    await using check = openCheck({ ...patient, idleMs: 1 });
    expect(await verdict(check, {})).toBe("valid");
    await expect.poll(children).toEqual([]);
    expect(await verdict(check, true)).toBe("valid");
  });
});

describe("the sandbox's child", () => {
  const options = { startMs: 60_000, memoryMb: 96 };
  const empty = { text: "{}", entered: [], compilable: "{}", dialect: "draft-07", patterns: [] } as const;

  it("cannot read files, write them, start processes or see the environment", async () => {
    const attempts = `
      const tries = {
        read: () => require("node:fs").readFileSync("/etc/hostname"),
        list: () => require("node:fs").readdirSync(process.cwd()),
        write: () => require("node:fs").writeFileSync("/tmp/muster-should-not-exist", ""),
        run: () => require("node:child_process").spawnSync("true"),
        thread: () => new (require("node:worker_threads").Worker)("1", { eval: true }),
      };
      const denied = Object.entries(tries).map(([name, attempt]) => { try { attempt(); return name + " possible"; } catch (error) { return error.code; } });
      console.log(JSON.stringify({ denied, env: Object.keys(process.env) }));`;
    const { stdout } = await promisify(execFile)(process.execPath, [...childExecArgv(96), "--eval", attempts], { env: {} });
    expect(JSON.parse(stdout)).toEqual({ denied: many(5, () => "ERR_ACCESS_DENIED"), env: [] });
  });

  it("reports itself confined and dies when it is killed", async () => {
    const child = await startSandboxChild(options);
    expect(child.alive()).toBe(true);
    expect(await child.run("check", empty, 30_000)).toEqual({ type: "done", result: { type: "valid", foreign: [] } });
    await child.kill();
    expect(child.alive()).toBe(false);
    expect(await child.run("check", empty, 30_000)).toEqual({ type: "crashed" });
  });

  it("does not go on for long when its parent is killed in the middle of a check", async () => {
    const program = `
      import { startSandboxChild } from ${JSON.stringify(new URL("../src/adapters/schema-sandbox/sandbox-child.ts", import.meta.url).href)};
      const child = await startSandboxChild({ startMs: 10_000, memoryMb: 96 });
      console.log(child.pid);
      await child.run("check", { text: "{}", entered: [], compilable: "{}", dialect: "draft-07", patterns: Array.from({ length: 60_000 }, (_, index) => "(\\\\pL|\\\\pN){900}x" + index) }, 700);`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await once(parent.stdout, "data");
    const orphan = Number(said);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await expect.poll(() => isAlive(orphan)).toBe(false);
  });

  it("is not used when it does not get ready in time", async () => {
    await expect(startSandboxChild({ ...options, startMs: 1 })).rejects.toThrow("did not start");
  });
});
