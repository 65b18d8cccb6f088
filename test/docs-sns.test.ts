/**
 * docs/inbound.md, "Without AWS": its commands as they stand there, in order, with the source that stands there; on embedded everything
 * and on the real servers. The signatures are moto's, and so is the server of its certificates. Changed are only names and addresses,
 * that what runs until it is stopped runs beside, and that moto and the command line of AWS are those of test/stack.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { PlatformRegistrationService } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "./support/client.ts";
import { commandsBelow, replacing } from "./support/doc-commands.ts";
import { startFakeModule } from "./support/fake-module.ts";
import { embeddedBacking, realBacking, startMuster } from "./support/muster.ts";
import { ownPort } from "./support/own-port.ts";
import { describeReal } from "./support/real-servers.ts";
import { read, root } from "./support/source-tree.ts";
import { passingInConsul, unregister } from "./support/world.ts";

const [, sources = ""] = /## By Amazon SNS\n[\s\S]*?^```yaml\n([\s\S]*?)^```/m.exec(read("docs/inbound.md")) ?? [];
const story = commandsBelow("docs/inbound.md", "By Amazon SNS");
const { getModule } = PlatformRegistrationService.method;

describeReal(
  "the story of a decision by Amazon SNS",
  (servers) => {
    test.each(["embedded", "real"])("a registration waits and goes live by a signed message (%s)", { timeout: 300_000 }, async (mode) => {
      await using stack = new AsyncDisposableStack();
      const folder = await mkdtemp(join(tmpdir(), "muster-sns-"));
      stack.defer(() => rm(folder, { recursive: true, force: true }));
      await mkdir(join(folder, "bin"));
      await symlink(join(root, "bin/muster.js"), join(folder, "bin/muster"));
      const [emulator, name] = [await ownPort(), `hello-sns-${crypto.randomUUID().slice(0, 8)}`];
      await writeFile(join(folder, "markets.yaml"), sources.replace("5000", `${emulator}`));
      const backing = stack.use(mode === "real" ? await realBacking(servers) : await embeddedBacking());
      const muster = stack.use(await startMuster({ ...backing.env, MUSTER_INBOUND: join(folder, "markets.yaml") }));
      const module = stack.use(await startFakeModule({ name, version: "1.0.0" }));
      using client = connect(muster.address);
      const written = story
        .filter((text) => !text.startsWith("python3 -m venv") && !text.endsWith("muster serve"))
        .map(inScript)
        .join("\n");
      const script = replacing(written, {
        "hello-sns": name,
        "5000": `${emulator}`,
        "127.0.0.1:9000": `${module.host}:${module.port}`,
        "127.0.0.1:7430": muster.address,
      });
      const path = [join(folder, "bin"), dirname(process.execPath), servers.bin, process.env["PATH"] ?? ""].join(delimiter);
      const env = { PATH: path, HOME: folder, MUSTER_ADDRESS: muster.address };
      const { code, out, err } = await new Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>((resolve) => {
        execFile("bash", ["-euo", "pipefail", "-c", `${begin}\n${script}\n${end}`], { cwd: folder, env, timeout: 200_000 }, (error, stdout, stderr) =>
          resolve({ code: error ? (error.code ?? "killed") : 0, out: stdout, err: stderr }),
        );
      });
      expect(code, `${out}\n${err}\n${muster.logged()}`).toBe(0);
      // What waited is what came to an end because of the message.
      expect(out).toMatch(/"EVENT_TYPE_APPROVED".*approved by markets/);
      expect(out).toMatch(new RegExp(`"EVENT_TYPE_COMPLETED".*"${name}-.*"REGISTRATION_OUTCOME_ACTIVE"`));
      expect(out).toMatch(/succeeded +markets +market\.approved/);
      expect(await client.unary(getModule, { lookupKey: { case: "moduleName", value: name } })).toMatchObject({ isHealthy: true });
      if (mode === "real") expect(await passingInConsul(servers, name)).toHaveLength(1);
      await unregister(client, name, module);
    });
  },
  ["jq", "bash", "curl"],
);

const begin = `
trap 'kill -KILL $(jobs -p) 2> kill.log || true' EXIT
`;

/** The list is that of what came before the registration ended. */
const end = `
wait $WAITING
cat waiting
`;

/** A command as part of one script: what runs until it is stopped, or waits, runs beside until it serves, or has asked. */
function inScript(text: string): string {
  if (text.includes("moto_server")) return `${text} > moto 2>&1 &\nuntil curl -s http://127.0.0.1:5000/moto-api/ > moto.page; do sleep 0.1; done`;
  if (text.endsWith("--wait-for-approval")) return `${text} > waiting 2>&1 &\nWAITING=$!\nuntil grep -q APPROVAL_REQUESTED waiting; do sleep 0.1; done`;
  return text;
}
