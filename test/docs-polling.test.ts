/**
 * docs/inbound.md, "By polling": its files and commands as they stand there, in order, from Register held by a policy to live by polling;
 * on embedded everything and on the real servers. Changed are only names, ports and addresses, and that servers run beside.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { commandsBelow, replacing } from "./support/doc-commands.ts";
import { startFakeModule } from "./support/fake-module.ts";
import { embeddedBacking, realBacking, type Backing } from "./support/muster.ts";
import { ownPort } from "./support/own-port.ts";
import { describeReal, describeWith } from "./support/real-servers.ts";
import { read, root } from "./support/source-tree.ts";
import { passingInConsul } from "./support/world.ts";

const [, section = ""] = read("docs/inbound.md").split("\n## By polling\n");
const [sources = "", policy = ""] = [...section.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text);
const commands = commandsBelow("docs/inbound.md", "By polling").filter((text) => !text.startsWith("muster "));

/** What runs until it is stopped runs beside; what has to have happened before the next command is waited for. */
function inScript(text: string): string {
  const command = text.replaceAll("npx muster", "muster");
  if (text.startsWith("python3")) return `${command} 2> source.log &\nuntil curl -s -o /dev/null http://127.0.0.1:8700/; do sleep 0.1; done`;
  if (text.endsWith("muster serve")) return `${command} 2> muster.log &\nuntil curl -sf -o /dev/null "http://$MUSTER_LISTEN/healthz/ready"; do sleep 0.1; done`;
  // It ends because it waits. Times of events have whole seconds: the next one is later.
  if (text.includes(" register ")) return `${command} || [ $? = 8 ]\nnow=$(date +%s)\nuntil [ "$(date +%s)" -gt "$now" ]; do sleep 0.1; done`;
  if (text.includes(" services ")) return `until muster services hello-polled | grep -q :9100; do sleep 0.1; done\n${command}`;
  return command;
}

/** What went wrong is in the server's log. */
const begin = `trap '[ $? = 0 ] || tail -n 30 muster.log >&2; kill -KILL $(jobs -p) 2> kill.log || true' EXIT`;

async function story(backing: Backing, live: (name: string) => Promise<void>): Promise<void> {
  const name = `hello-polled-${crypto.randomUUID().slice(0, 8)}`;
  await using module = await startFakeModule({ name, version: "1.0.0" });
  const [port, sourcePort] = [await ownPort(), await ownPort()];
  const here = (text: string) => replacing(text, { "hello-polled": name, "9100": `${module.port}`, "8700": `${sourcePort}` });
  const folder = await mkdtemp(join(tmpdir(), "muster-polling-"));
  try {
    await mkdir(join(folder, "bin"));
    await symlink(join(root, "bin/muster.js"), join(folder, "bin/muster"));
    await writeFile(join(folder, "polling.yaml"), here(sources));
    await writeFile(join(folder, "core.yaml"), policy);
    const script = here(commands.map(inScript).join("\n"));
    const path = [join(folder, "bin"), dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
    const at = `127.0.0.1:${port}`;
    const env = { ...backing.env, PATH: path, HOME: folder, MUSTER_LISTEN: at, MUSTER_ADDRESS: at, MUSTER_SELF_REGISTER: "off" };
    const options = { cwd: folder, env, timeout: 200_000, killSignal: "SIGKILL" } as const;
    const { code, out, err } = await new Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>((resolve) => {
      execFile("bash", ["-euo", "pipefail", "-c", `${begin}\n${script}`], options, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? "killed") : 0, out: stdout, err: stderr }),
      );
    });
    expect(code, `${out}\n${err}`).toBe(0);
    expect(out).toMatch(/succeeded +core +market\.approved/);
    await live(name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("the section has a file of sources, a policy, and a command for each step", () => {
  expect([sources, policy].map((text) => text.split("\n")[0])).toEqual(["sources:", "key: registration"]);
  expect(commands).toHaveLength(9);
});

describeWith(["python3", "curl", "bash"], "the story of polling (embedded)", () => {
  test("a registration that waits is live because of what the source has", { timeout: 300_000 }, async () => {
    await using backing = await embeddedBacking();
    await story(backing, async () => undefined);
  });
});

describeReal(
  "the story of polling (real servers)",
  (servers) => {
    test("a registration that waits is live because of what the source has, also in Consul", { timeout: 300_000 }, async () => {
      await using backing = await realBacking(servers);
      await story(backing, async (name) => expect(await passingInConsul(servers, name)).toHaveLength(1));
    });
  },
  ["python3", "curl", "bash"],
);
