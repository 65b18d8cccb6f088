/**
 * What people at terminals of 80×24 and 120×40 see, kept in `test/cli/screens` to be looked at: a change of it is a change of
 * these files, written by `npx vitest run test/cli/screens.test.ts -u`. What differs from run to run has a fixed text instead.
 */
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createApp, type App } from "../../src/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { decide, get } from "../support/approvals.ts";
import { gateScene, ownersDecide } from "../support/gate.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { manualClock } from "../support/manual-clock.ts";
import { embeddedBacking, type Backing } from "../support/muster.ts";
import { runCli } from "../support/muster-cli.ts";
import { drawn, screenOf, type Size } from "../support/screen.ts";

const sizes: readonly Size[] = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
];
const schema = '{"type": "object", "properties": {"size": {"type": "integer"}}}';
/** Nobody makes it. */
const absent = "/tmp/muster-screens-none/muster.db";

describe.each(sizes)("at $columns×$rows", (size) => {
  const clock = manualClock(Date.UTC(2026, 10, 26, 9, 30));
  /** What stands for what differs: as long as that, since the width of a table depends on it. */
  const fixed = new Map<string, string>();
  let backing: Backing;
  let app: App;
  let parser: FakeModule;
  let chunker: FakeModule;

  beforeAll(async () => {
    backing = await embeddedBacking();
    const config = parseConfig({ ...backing.env, MUSTER_LISTEN: "127.0.0.1:0", MUSTER_SELF_REGISTER: "off" }, () => "");
    app = await createApp(config, { log: () => undefined, clock });
    parser = await startFakeModule({ name: "parser", version: "1.2.0", schema });
    chunker = await startFakeModule({ name: "chunker-for-very-long-documents", version: "0.9.0" });
    for (const [index, port] of [app.address.port, parser.port, chunker.port].entries()) fixed.set(String(port), String(50_050 + index));
    fixed.set(dirname((backing.env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, "")), "/var/lib/muster");
  });
  afterAll(async () => {
    for (const it of [parser, chunker, app]) await it[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  /** The screens of these commands, one below the other. `laterMs`: how long after the last change they are called. */
  async function screens(commands: readonly (readonly string[])[], laterMs = 0, principal = "", groups = ""): Promise<string> {
    const settings = { MUSTER_ADDRESS: `127.0.0.1:${app.address.port}`, MUSTER_PRINCIPAL: principal, MUSTER_GROUPS: groups };
    const all: string[] = [];
    for (const words of commands) all.push(await screenOf(words, { size, settings, clock: { ...clock, now: () => clock.now() + laterMs } }));
    return stable(all.join("\n"));
  }

  function stable(text: string): string {
    const ids = text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
      if (!fixed.has(id)) fixed.set(id, `01a0c0de-0000-7000-8000-${String(fixed.size).padStart(12, "0")}`);
      return fixed.get(id) ?? "";
    });
    return [...fixed].reduce((changed, [what, instead]) => changed.replaceAll(what, instead), ids);
  }

  /** Without the time that passed while the test waited. */
  function untimed(text: string): string {
    const since = text.replaceAll(/ +\+[\d.]+ m?s(?= {2})/g, (time) => "+0 ms".padStart(time.length));
    // Where the line is folded depends on the figure, too.
    const took = since.replaceAll(/, in [\d.]+ m?s$/gm, ", in 0 ms").replaceAll(/passed after\s+[\d.]+\s+m?s$/gm, "passed after 0 ms");
    return took.replaceAll(/\d\d:\d\d:\d\d\.\d{3}Z/g, "09:30:00.000Z").replaceAll(/\d+s ago/g, "0s ago");
  }

  const fileOf = (name: string) => `screens/${name}-${size.columns}x${size.rows}.txt`;
  const at = ({ host, port }: FakeModule) => `${host}:${port}`;

  test("register: new, unchanged, failing, refused", async () => {
    const module = ["register", "parser", at(parser), "-t", "module", "--version", "1.2.0", "--tag", "pdf", "--metadata", "input_format=pdf"];
    const long = ["register", "chunker-for-very-long-documents", at(chunker), "-t", "module", "--version", "0.9.0"];
    const nobody = ["register", "nobody", "127.0.0.1:9", "-t", "service", "--startup-grace", "0s"];
    const refused = ["register", "no body", "nowhere", "-t", "module"];
    const text = await screens([module, module, long, nobody, refused, [...module.slice(0, -1), "input_format=md", "--dry-run"]]);
    await expect(text).toMatchFileSnapshot(fileOf("register"));
  });

  test("attempts list", async () => {
    await screens([
      ["register", "parser", at(parser), "-t", "module", "--version", "1.2.0", "--tag", "pdf", "--metadata", "input_format=pdf", "--request-id", "r1"],
    ]);
    const text = await screens(
      [
        ["attempts", "list"],
        ["attempts", "list", "--state", "rolled-back"],
        ["attempts", "list", "--name", "unknown"],
      ],
      95_000,
    );
    await expect(text).toMatchFileSnapshot(fileOf("attempts-list"));
  });

  test("modules", async () => {
    await expect(await screens([["modules"], ["modules", "parser"], ["modules", "parsr"]], 3_700_000)).toMatchFileSnapshot(fileOf("modules"));
  });

  test("registrations that wait for an approval: held, looked at, approved; the gate on and off", async () => {
    const next = await startFakeModule({ name: "parser", version: "2.0.0", schema: '{"type": "object", "properties": {"size": {"type": "string"}}}' });
    await using _next = next;
    fixed.set(String(next.port), "50053");
    const address = `127.0.0.1:${app.address.port}`;
    using scene = gateScene(address);
    await scene.admin.unary(PolicyService.method.putPolicy, { document: ownersDecide });
    const register = ["register", "parser", at(next), "-t", "module", "--version", "2.0.0"];
    const text = [
      await screens([
        ["policy", "activate", "registration", "1", "--no-admit-live"],
        ["policy", "activate", "registration", "1"],
        register,
        ["modules"],
        ["modules", "--held"],
        ["services", "--held"],
      ]),
    ];
    const [{ approvalId: id = "" } = {}] = (await scene.admin.unary(RegistrationService.method.listHeld, {})).instances;
    text.push(await screens([["approvals", "show", id]], 0, "bob", "owners"));
    const approved = Promise.withResolvers<void>();
    const ended = new AbortController();
    const options = { size, settings: { MUSTER_ADDRESS: address }, clock };
    const onWritten = (written: string): void => {
      if (written.includes("waiting for approval")) approved.resolve();
    };
    const waiting = screenOf([...register, "--wait-for-approval"], { ...options, onWritten }).finally(() => ended.abort());
    const voting = approved.promise.then(async () => decide(scene.bob, await get(scene.bob, id), { comment: "nobody uses size" }));
    while (!ended.signal.aborted) await clock.pass(50);
    expect(await voting).toMatchObject({ counted: true });
    text.push(untimed(stable(await waiting)));
    text.push(
      untimed(
        await screens([
          ["approvals", "close", id, "--revoke", "--evict", "--reason", "it leaks"],
          register,
          ["policy", "archive", "registration", "--release"],
        ]),
      ),
    );
    await expect(text.join("\n")).toMatchFileSnapshot(fileOf("held"));
  });

  test("doctor: beside a running server, and with problems", async () => {
    const wrong = { MUSTER_LISTEN: "nowhere", MUSTER_STROE: "x", MUSTER_EVENTS: "kafka", MUSTER_ADDRESS: "127.0.0.1:9" };
    const alone = {
      MUSTER_LISTEN: "127.0.0.1:0",
      MUSTER_STORE: `sqlite:${absent}`,
      MUSTER_ADDRESS: "127.0.0.1:9",
      MUSTER_CATALOG: "consul+http://127.0.0.1:9",
    };
    const beside = { MUSTER_ADDRESS: `127.0.0.1:${app.address.port}`, MUSTER_LISTEN: `127.0.0.1:${app.address.port}`, MUSTER_STORE: `sqlite:${absent}` };
    const text: string[] = [];
    for (const settings of [beside, alone, wrong]) text.push(stable(await screenOf(["doctor"], { size, settings, clock: systemClock })));
    await expect(text.join("\n")).toMatchFileSnapshot(fileOf("doctor"));
  });

  test("a start that fails", async () => {
    const holder: Server = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const bound = holder.address();
    fixed.set(String(typeof bound === "object" ? bound?.port : 0), "50060");
    const taken = `127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
    const starts = [
      { MUSTER_LISTEN: taken, MUSTER_STORE: backing.env["MUSTER_STORE"]?.replace("muster.db", "other.db") ?? "" },
      { MUSTER_LISTEN: "127.0.0.1:0", MUSTER_STORE: backing.env["MUSTER_STORE"] ?? "" },
      { MUSTER_LISTEN: "127.0.0.1:0", MUSTER_STROE: "sqlite:/tmp/a.db", MUSTER_EVENTS: "kafka" },
    ];
    const text: string[] = [];
    for (const env of starts) {
      const { code, out, err } = await runCli(["serve"], env);
      const set = Object.entries(env).map(([name, value]) => `${name}=${value} `);
      text.push(`$ ${set.join("")}muster serve\n${drawn(out + err, size.columns)}(exit code ${code})\n`);
    }
    holder.close();
    await expect(stable(text.join("\n"))).toMatchFileSnapshot(fileOf("failing-start"));
  });
});
