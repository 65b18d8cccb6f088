/**
 * The commands that the documentation shows, run as they stand there against one embedded server: with its address, ids and
 * addresses of its instances in the place of those written. `test/support/doc-commands.ts` says which are not, and why.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type MusterClient } from "./support/client.ts";
import { docCommands, whyNotRun, type DocCommand } from "./support/doc-commands.ts";
import { startFakeModule, type FakeModule } from "./support/fake-module.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "./support/muster.ts";
import { describeReal, describeWith } from "./support/real-servers.ts";
import { read, root } from "./support/source-tree.ts";
import { requestFor } from "./support/world.ts";
import { ServiceType } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";

const schema = '{"type": "object", "properties": {"size": {"type": "integer"}}}';
const run = docCommands.filter((command) => whyNotRun(command) === undefined);
const needsGrpcurl = ({ text }: DocCommand) => text.startsWith("grpcurl");

describeWith(["jq", "bash"], "every command of the documentation", () =>
  runAll(
    run.filter((it) => !needsGrpcurl(it)),
    "",
  ),
);
describeReal("every command of the documentation that needs grpcurl", ({ bin }) => runAll(run.filter(needsGrpcurl), bin));

/** `bin`: a directory with further programs, or none. */
function runAll(commands: readonly DocCommand[], bin: string): void {
  let folder = "";
  let backing: Backing;
  let muster: MusterProcess;
  let client: MusterClient;
  let echo: FakeModule;
  let next: FakeModule;
  let attemptId = "";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-docs-"));
    for (const made of ["bin", ".zfunc", ".config/fish/completions"]) await mkdir(join(folder, made), { recursive: true });
    await symlink(join(root, "bin/muster.js"), join(folder, "bin/muster"));
    backing = await embeddedBacking();
    const [, sources = ""] = /^```yaml\n(sources:[\s\S]*?)^```/m.exec(read("docs/inbound.md")) ?? [];
    await writeFile(join(folder, "inbound.yaml"), sources);
    muster = await startMuster({ ...backing.env, MUSTER_INBOUND: join(folder, "inbound.yaml") });
    client = connect(muster.address);
    echo = await startFakeModule({ name: "echo", version: "1.0.0", schema });
    next = await startFakeModule({ name: "echo", version: "2.0.0", schema });
    ({ attemptId } = await register());
    await client.register(requestFor("echo", next, { version: "2.0.0" }));
    await writeFile(join(folder, "schema.json"), schema);
    await writeFile(join(folder, "hook.secret"), "of-the-receiver-that-is-there\n");
    await writeFile(
      join(folder, "echo.yaml"),
      written("name: echo\ntype: SERVICE_TYPE_MODULE\nversion: 1.0.0\nconnectivity: {advertisedHost: 127.0.0.1, advertisedPort: 9000}\n"),
    );
  });
  afterAll(async () => {
    client?.[Symbol.dispose]();
    for (const it of [echo, next, muster, backing]) await it?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** What the documents take for granted. */
  async function register() {
    await client.register(requestFor("search", echo, { type: ServiceType.SERVICE, version: "2.0", tags: ["blue"] }));
    return client.register(requestFor("echo", echo));
  }

  /** With what is there in the place of what is written. */
  function written(text: string): string {
    return text
      .replaceAll("127.0.0.1:7430", muster.address)
      .replaceAll(/(127\.0\.0\.1[:-])9000/g, `$1${echo.port}`)
      .replace("advertisedPort: 9000", `advertisedPort: ${echo.port}`)
      .replaceAll("01a2011e-a4a0-7005-a6a4-f539b87dd561", attemptId);
  }

  for (const command of commands) {
    test(`${command.file}: ${command.text.split("\n")[0]}`, { timeout: 120_000 }, async () => {
      await register();
      const path = [join(folder, "bin"), dirname(process.execPath), bin, process.env["PATH"] ?? ""].join(delimiter);
      const ended = await new Promise<{ readonly code: unknown; readonly err: string }>((resolve) => {
        const env = { PATH: path, HOME: folder, MUSTER_ADDRESS: muster.address, MUSTER_LISTEN: muster.address };
        // npx knows this checkout's own program only there.
        const cwd = command.text.startsWith("npx ") ? root : folder;
        execFile("bash", ["-euo", "pipefail", "-c", written(command.text)], { cwd, env }, (error, _out, err) => resolve({ code: error?.code ?? 0, err }));
      });
      expect(ended.code, ended.err).toBe(0);
    });
  }
}
