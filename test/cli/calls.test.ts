/** `muster …` against a running Muster, in every mode: what it prints and how it ends. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { cliEntry, runCli, startCli, type CliResult } from "../support/muster-cli.ts";
import { inEveryMode, moduleSteps, requestFor } from "../support/world.ts";

inEveryMode("the command line", (world) => {
  const muster = (args: readonly string[], stdin?: string): Promise<CliResult> => runCli(args, { MUSTER_ADDRESS: world().muster.address }, stdin);
  const schema = '{"type": "object", "properties": {"size": {"type": "integer"}}}';

  test("registers a module, event by event as JSON lines, and finds it by every other command", async () => {
    const name = world().unique("cli");
    await using module = await startFakeModule({ name, version: "1.0.0", schema });
    const at = `${module.host}:${module.port}`;
    const id = `${name}-${module.host}-${module.port}`;

    const registered = await muster(["register", name, at, "--type", "module", "--version", "1.0.0", "--tag", "blue", "--metadata", "input_format=pdf"]);
    expect([registered.code, registered.err]).toEqual([0, ""]);
    const events = registered.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(events.map(({ eventType }) => eventType?.replace("EVENT_TYPE_", "")).filter((type) => type !== "HEALTH_WAITING")).toEqual([...moduleSteps]);
    const attemptId = events[0]?.["attemptId"] ?? "";

    const again = await muster(["register", name, at, "-t", "module", "--version", "1.0.0", "--tag", "blue", "--metadata", "input_format=pdf", "-o", "table"]);
    expect([again.code, again.out]).toEqual([0, expect.stringContaining(`✓ ${id} was already registered identically`)]);
    // Nothing is recorded, so that there is no attempt to name.
    expect(again.out).not.toMatch(/^attempt /m);

    const listed = await eventually(async () => {
      const { out } = await muster(["modules"]);
      return out.split("\n").find((line) => line.includes(id));
    });
    expect(listed).toMatch(new RegExp(`^${name} +${at} +1\\.0\\.0 +healthy `));
    // An entry may be listed before its record is known.
    await eventually(async () => /Health +healthy\n(.*\n)*Reads +pdf\n/.test((await muster(["modules", name])).out) || undefined);
    expect(parse((await muster(["modules", "--id", id, "-o", "yaml"])).out)).toMatchObject({ moduleName: name, isHealthy: true, port: module.port });
    expect(await muster(["resolve", name, "--tag", "blue", "-q"])).toEqual({ code: 0, out: `${at}\n`, err: "" });
    expect(await muster(["resolve", name, "--tag", "green", "-q"])).toEqual({ code: 5, out: "", err: "" });
    expect((await muster(["schema", "get", name])).out).toBe(`${schema}\n`);
    expect((await muster(["schema", "versions", name])).out).toMatch(/^1\.0\.0 +\d+s +- +record +[0-9a-f]{12} +latest$/m);

    const attempts = JSON.parse((await muster(["attempts", "list", "--name", name, "-o", "json"])).out) as {
      attempts: { attemptId: string; outcome: string }[];
    };
    expect(attempts.attempts.map(({ outcome }) => outcome)).toEqual(["REGISTRATION_OUTCOME_ACTIVE"]);
    expect(attempts.attempts[0]?.attemptId).toBe(attemptId);
    const shown = await muster(["attempts", "show", attemptId]);
    expect(shown.out).toMatch(/State +completed\n(.*\n)*.*✓ STARTED [^]*✓ COMPLETED /);
    const followed = await muster(["attempts", "show", attemptId, "--watch", "-o", "yaml"]);
    expect(parseAllDocuments(followed.out).map((document) => (document.toJS() as { sequence: string }).sequence)).toEqual(events.map((_, i) => String(i + 1)));
    const cancelled = await muster(["attempts", "cancel", attemptId]);
    expect([cancelled.code, cancelled.err]).toEqual([6, expect.stringContaining("error: ATTEMPT_FINISHED: ")]);

    expect(await muster(["unregister", name, at])).toMatchObject({ code: 0, out: expect.stringContaining("✓ ") });
    expect(await muster(["unregister", name, at])).toMatchObject({ code: 0 });
  });

  test("shows what a new version of a schema breaks, of stored versions and of a file", async () => {
    const name = world().unique("cli-diff");
    const next = '{"type": "object", "properties": {"size": {"type": "string"}}}';
    for (const [version, text] of [
      ["1.0.0", schema],
      ["2.0.0", next],
    ] as const) {
      await using module = await startFakeModule({ name, version, schema: text });
      expect((await world().client.register(requestFor(name, module, { version }))).types.at(-1)).toBe("COMPLETED");
    }
    const latest = await muster(["schema", "diff", name]);
    expect([latest.code, latest.out]).toEqual([
      0,
      expect.stringMatching(/^1\.0\.0 → 2\.0\.0 {2}breaking: .*\n {2}✗ \/properties\/size\/type .*\n {6}- "integer"\n {6}\+ "string"\n/),
    ]);
    expect((await muster(["schema", "diff", name, "--check"])).code).toBe(1);
    expect((await muster(["schema", "diff", name, "2.0.0", "2.0.0", "--check"])).code).toBe(0);
    expect((await muster(["schema", "versions", name])).out).toMatch(/^2\.0\.0 +\d+s +breaking .* latest$/m);

    const wider = '{"type": "object", "properties": {"size": {"type": ["string", "integer"]}}}';
    const checked = await muster(["schema", "diff", name, "--file", "-", "--check"], wider);
    expect([checked.code, checked.out]).toEqual([0, expect.stringMatching(/^2\.0\.0 → - {2}compatible: /)]);
    expect((await muster(["schema", "diff", name, "1.0.0", "--file", "-", "--check", "-o", "json"], next)).code).toBe(1);
    expect((await muster(["schema", "diff", name, "--file", "-"], "{")).code).toBe(2);
    expect(await muster(["schema", "diff", name, "1.0.0"])).toMatchObject({ code: 0 });
    expect(await muster(["schema", "diff", name, "0.9.0", "2.0.0"])).toMatchObject({ code: 5, err: expect.stringContaining("SCHEMA_NOT_FOUND") });
  });

  test("a failed registration ends with 3 and says why", async () => {
    const name = world().unique("cli-refused");
    const { code, out, err } = await muster(["register", name, "127.0.0.1:9", "-t", "service", "--startup-grace", "0s", "-o", "table"]);
    expect([code, err]).toEqual([3, ""]);
    expect(out).toMatch(/✗ FAILED .* HEALTH_REFUSED: .*\n✗ failed after .*, and undone\n$/);
    expect((await muster(["attempts", "list", "--name", name, "--state", "rolled-back"])).out).toMatch(/rolled-back .* HEALTH_REFUSED/);
    expect((await muster(["attempts", "list", "--name", name, "--state", "completed"])).out).toBe("No matching attempts.\n");
  });

  test("all bad fields are reported together, as text and as JSON, with exit code 2", async () => {
    const args = ["register", "no name", "127.0.0.1:0", "-t", "module"];
    const text = await muster(args);
    expect([text.code, text.out]).toEqual([2, ""]);
    for (const field of ["name", "version", "connectivity.advertised_port"]) expect(text.err).toMatch(new RegExp(`^  ${field} `, "m"));
    const { error, exitCode } = JSON.parse((await muster([...args, "-o", "json"])).err) as {
      error: { reason: string; fields: { field: string }[] };
      exitCode: number;
    };
    expect([exitCode, error.reason, error.fields.map(({ field }) => field).toSorted()]).toEqual([
      2,
      "INVALID_FIELDS",
      ["connectivity.advertised_port", "name", "version"],
    ]);
  });

  test.each([
    [["unregister", "cli-never", "10.0.0.1:1"], 5, "REGISTRATION_NOT_FOUND"],
    [["services", "cli-never"], 5, "REGISTRATION_NOT_FOUND"],
    [["attempts", "show", "cli-never"], 5, "ATTEMPT_NOT_FOUND"],
    [["tags", "cli-never-10.0.0.1-1", "--set", "a"], 5, "REGISTRATION_NOT_FOUND"],
  ])("%j ends with %i and %s", async (args, code, reason) => {
    expect(await muster(args)).toEqual({ code, out: "", err: expect.stringMatching(new RegExp(`^error: ${reason}: `)) });
  });

  test("a dry run registers nothing", async () => {
    const name = world().unique("cli-dry");
    expect(await muster(["register", name, "127.0.0.1:9", "-t", "service", "--dry-run", "-o", "table"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("the request is valid; nothing was registered"),
    });
    expect((await muster(["attempts", "list", "--name", name])).out).toBe("No matching attempts.\n");
  });

  test("a request from stdin, as YAML, with an option over it", async () => {
    const name = world().unique("cli-file");
    await using module = await startFakeModule({ name, version: "2.0.0" });
    const yaml = `name: ${name}\ntype: SERVICE_TYPE_MODULE\nversion: 1.0.0\nconnectivity:\n  advertisedHost: ${module.host}\n  advertisedPort: ${module.port}\n`;
    expect(await muster(["register", "--file", "-", "--version", "2.0.0"], yaml)).toMatchObject({ code: 0, err: "" });
    expect(await muster(["register", "--file", "-"], "colour: red")).toEqual({ code: 2, out: "", err: expect.stringContaining("is not a RegisterRequest") });
  });

  test("tags are shown, added to, taken from and cleared", async () => {
    const name = world().unique("cli-tags");
    await using service = await startFakeModule({ name, version: "1.0.0" });
    const id = `${name}-${service.host}-${service.port}`;
    await world().client.register(requestFor(name, service, { type: 1, tags: ["a", "b"], capabilities: ["find"] }));
    const shows = async (expected: string) =>
      expect(await eventually(async () => ((await muster(["tags", id])).out === expected ? expected : undefined))).toBe(expected);
    await shows("a\nb\n");
    expect((await muster(["tags", id, "--add", "c", "--remove", "a"])).out).toMatch(/✓ .*\n(.*\n)* {2}c\n/);
    await shows("b\nc\n");
    expect((await muster(["tags", id, "--clear"])).code).toBe(0);
    await shows("");
  });

  test("watch shows what comes, changes and goes, and Ctrl-C ends it with 0", async () => {
    const name = world().unique("cli-watch");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const id = `${name}-${module.host}-${module.port}`;
    const watching = startCli(["watch", "modules"], { MUSTER_ADDRESS: world().muster.address });
    const lists = startCli(["modules", "--watch", "-o", "json"], { MUSTER_ADDRESS: world().muster.address });
    await eventually(async () => lists.out() !== "" || undefined);
    await world().client.register(requestFor(name, module));
    await eventually(async () => watching.out().includes(`+ ${id}  1.0.0  healthy\n`) || undefined);
    await eventually(async () => lists.out().includes(id) || undefined);
    await muster(["unregister", name, `${module.host}:${module.port}`]);
    await eventually(async () => watching.out().includes(`- ${id}  1.0.0  gone\n`) || undefined);
    watching.signal("SIGINT");
    lists.signal("SIGTERM");
    expect(await watching.result).toMatchObject({ code: 0, err: "" });
    const { code, out } = await lists.result;
    expect(code).toBe(0);
    for (const line of out.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("totalCount");
  });

  test("a reader that goes away ends a watch quietly", async () => {
    const watching = startCli(["modules", "--watch", "-o", "json"], { MUSTER_ADDRESS: world().muster.address });
    await eventually(async () => watching.out() !== "" || undefined);
    watching.closeOut();
    const name = world().unique("cli-pipe");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await world().client.register(requestFor(name, module));
    expect(await watching.result).toMatchObject({ code: 0, err: "" });
  });

  test("a slow reader gets all of a large answer", async () => {
    const name = world().unique("cli-large");
    const large = JSON.stringify({ type: "object", description: "x".repeat(200_000) });
    await using module = await startFakeModule({ name, version: "1.0.0", schema: large });
    await world().client.register(requestFor(name, module));
    const slowly = `"${process.execPath}" "${cliEntry}" schema get ${name} | { sleep 0.5; cat; }`;
    const { stdout } = await promisify(execFile)("sh", ["-c", slowly], {
      env: { PATH: process.env["PATH"], MUSTER_ADDRESS: world().muster.address },
      maxBuffer: 1 << 20,
    });
    expect(stdout).toBe(`${large}\n`);
  });

  test("Ctrl-C while registering says where to go on looking, with 130", async () => {
    const name = world().unique("cli-stop");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const registering = startCli(["register", name, `${module.host}:${module.port}`, "-t", "service", "--health-timeout", "30s"], {
      MUSTER_ADDRESS: world().muster.address,
    });
    await eventually(async () => registering.out().includes("HEALTH_CHECK_CONFIGURED") || undefined);
    registering.signal("SIGINT");
    const { code, err } = await registering.result;
    const attemptId = /muster\.js attempts show (\S+) --watch/.exec(err)?.[1] ?? "";
    expect(code).toBe(130);
    expect((await muster(["attempts", "show", attemptId])).out).toMatch(/State +running\n/);
    expect((await muster(["attempts", "cancel", attemptId, "--reason", "enough"])).code).toBe(0);
    expect(await muster(["attempts", "show", attemptId, "--watch"])).toMatchObject({ code: 3, out: expect.stringContaining("CANCELLED") });
  });

  test("a deadline that is too short ends with 7", async () => {
    const name = world().unique("cli-late");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const { code, err } = await muster(["register", name, `${module.host}:${module.port}`, "-t", "service", "--timeout", "5s"]);
    expect([code, err]).toEqual([7, expect.stringMatching(/muster\.js attempts show \S+ --watch[^]*DEADLINE_EXCEEDED/)]);
  });
});
