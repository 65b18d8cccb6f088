/**
 * README, "From the command line", and "Hold a module and approve it": their commands as they stand there, in order, with the example
 * module in Python; the latter on embedded everything and on the real servers. Changed are only names and addresses, and that modules
 * and waits run beside.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "./support/client.ts";
import { commandsBelow, replacing } from "./support/doc-commands.ts";
import { buildExample, type Example } from "./support/example.ts";
import { eventually } from "./support/instances.ts";
import { linesOfTopic } from "./support/kcat.ts";
import { embeddedBacking, realBacking, startMuster } from "./support/muster.ts";
import { ownPort } from "./support/own-port.ts";
import { describeReal } from "./support/real-servers.ts";
import { root } from "./support/source-tree.ts";
import { eventTypesInKafka, passingInConsul, unregister, versionsInApicurio } from "./support/world.ts";

const story = commandsBelow("README.md", "Hold a module and approve it");
/** What installs it for the whole machine, or runs until Ctrl-C, is left out. */
const commandLine = commandsBelow("README.md", "From the command line").filter((text) => !/^npm install|muster watch|events tail/.test(text));

describeReal(
  "the stories of README",
  (servers) => {
    let example: Example;
    beforeAll(async () => {
      example = await buildExample("python");
      await mkdir(join(example.directory, "bin"));
      await symlink(join(root, "bin/muster.js"), join(example.directory, "bin/muster"));
    }, 600_000);
    afterAll(() => example?.[Symbol.asyncDispose]());

    test("the commands of the section before register what runs, and show it", { timeout: 120_000 }, async () => {
      await using backing = await embeddedBacking();
      await using muster = await startMuster(backing.env);
      const port = String(await ownPort());
      const script = replacing(scriptOf(commandLine, "EVENT_TYPE_COMPLETED"), { "9000": port, "npx muster": "muster" });
      const { code, out, err } = await runScript(example, servers.bin, muster.address, script);
      expect(code, `${out}\n${err}`).toBe(0);
      process.kill(Number((await readFile(join(example.directory, "serving"), "utf8")).trim()), "SIGKILL");
      expect(out).toMatch(new RegExp(`^search +127\\.0\\.0\\.1:${port} +2\\.0 +healthy `, "m"));
      expect(out).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port}$`, "m"));
      expect(out).toMatch(/ServiceRegistered/);
    });

    test.each(["embedded", "real"])("a module waits, is approved by grpcurl and by the command line, and is live (%s)", { timeout: 300_000 }, async (mode) => {
      await using backing = mode === "real" ? await realBacking(servers) : await embeddedBacking();
      await using muster = await startMuster(backing.env);
      using client = connect(muster.address);
      const name = `hello-held-${crypto.randomUUID().slice(0, 8)}`;
      const ports = [await ownPort(), await ownPort()] as const;
      const script = replacing(scriptOf(story), {
        "hello-held": name,
        "9100": String(ports[0]),
        "9101": String(ports[1]),
        "127.0.0.1:7430": muster.address,
        "npx muster": "muster",
      });
      const { code, out, err } = await runScript(example, servers.bin, muster.address, script);
      expect(code, `${out}\n${err}`).toBe(0);
      await using modules = new AsyncDisposableStack();
      for (const pid of (await readFile(join(example.directory, "serving"), "utf8")).trim().split("\n"))
        modules.defer(() => void process.kill(Number(pid), "SIGKILL"));
      expect(out).toMatch(new RegExp(`^Goes live +module ${name} 1\\.0\\.0, the first version of this name$`, "m"));
      // What waited is what came to an end because of the vote.
      expect(out).toMatch(new RegExp(`"EVENT_TYPE_APPROVED"[^]*"${name}-127\\.0\\.0\\.1-${ports[0]}"`));
      expect(out).toMatch(/^✓ \S+ {2}approved$/m);
      expect(out).toContain("registration version 1 (ARCHIVED)");

      if (mode === "real") {
        expect(await passingInConsul(servers, name)).toHaveLength(2);
        expect(await versionsInApicurio(servers, `${name}-config`)).toMatchObject([
          { version: "1.0.0", state: "ENABLED" },
          { version: "2.0.0", state: "ENABLED" },
        ]);
        await eventually(async () => (await eventTypesInKafka(servers, `${name}-127.0.0.1-${ports[0]}`)).includes("ModuleRegistered") || undefined);
        await eventually(async () => (await linesOfTopic(servers, "platform.approval.events", "%s")).some((line) => line.includes(name)) || undefined);
      }
      for (const port of ports) await unregister(client, name, { host: "127.0.0.1", port });
    });
  },
  ["python3", "jq", "bash"],
);

interface Ran {
  readonly code: unknown;
  readonly out: string;
  readonly err: string;
}

function runScript({ directory }: Example, bin: string, address: string, script: string): Promise<Ran> {
  const path = [join(directory, "bin"), dirname(process.execPath), bin, process.env["PATH"] ?? ""].join(delimiter);
  const env = { PATH: path, HOME: directory, MUSTER_ADDRESS: address, MUSTER_LISTEN: address, MUSTER: address };
  return new Promise((resolve) => {
    execFile("bash", ["-euo", "pipefail", "-c", `${begin}\n${script}\n${end}`], { cwd: directory, env, timeout: 120_000 }, (error, out, err) =>
      resolve({ code: error ? (error.code ?? "killed") : 0, out, err }),
    );
  });
}

const begin = `
beside=0
WAITING=
until_has() { until grep -q "$2" "$1"; do sleep 0.1; done; }
trap 'kill -KILL $(jobs -p) 2> kill.log || true' EXIT
`;

/** The modules go on serving, so that it can be looked at who passes. */
const end = `
jobs -pr > serving
trap - EXIT
`;

/** `until`: what a module has said when the next command follows. */
function scriptOf(commands: readonly string[], until = "APPROVAL_REQUESTED"): string {
  return commands
    .filter((text) => !text.startsWith("npx muster demo"))
    .map((text) => inScript(text, until))
    .join("\n");
}

/** A command as part of one script: what runs until it is stopped, or waits, runs beside until it has asked. */
function inScript(text: string, until: string): string {
  const asked = `until_has beside.$beside ${until}`;
  if (text.endsWith("module.py")) return `beside=$((beside + 1))\n${text} > beside.$beside 2>&1 &\n${asked}`;
  if (text.endsWith("--wait-for-approval")) return `beside=$((beside + 1))\n${text} > beside.$beside 2>&1 &\nWAITING=$!\n${asked}`;
  if (text.startsWith("grpcurl")) return `${text}\nwait $WAITING\ncat beside.$beside`;
  // The list after the second approval is of what is live then.
  if (text === "npx muster modules")
    return `until [ "$(npx muster modules hello-held --held)" = "Nothing waits for an approval." ]; do sleep 0.2; done\n${text}`;
  return text;
}
