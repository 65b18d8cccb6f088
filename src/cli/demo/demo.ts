/**
 * A tour of a platform with modules of its own: one that is healthy, one that never is, and one whose schema breaks its users, so
 * that people decide. Every line that it shows can be typed. It leaves nothing behind, however it ends.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError, type Command, type Input, type Run } from "../frame/command.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { connectionOptions } from "../frame/options.ts";
import { targetOf } from "../frame/target.ts";
import { Interrupted, type Terminal } from "../frame/terminal.ts";
import { startModule, type DemoModule, type RunningModule } from "./demo-modules.ts";
import { openStage, type Stage } from "./stage.ts";

const group = "demo-approvers";
const sizes = (type: string) => `{"type": "object", "properties": {"size": {"type": "${type}"}}}`;

/** Only the named module is decided on; whatever else registers goes live as before. */
const policyOf = (name: string, approvers: string) => `key: registration
subject: registration
ttl: 1h
route:
  - {id: others, when: 'name != "${name}"', then: approve}
  - {id: compatible, when: 'verdict in ["NONE", "COMPATIBLE"] && version != ""', then: approve}
stages:
  - id: users
    requirements: [{id: users-of-it, who: {groups: ["${approvers}"]}, need: 1}]
`;

export function demoOf(commands: readonly Command[]): Run {
  return async (input, terminal) => {
    const onServer = input.on("server");
    const host = input.text("host") ?? "127.0.0.1";
    const theirs = onServer ? theirServer(input, terminal) : undefined;
    const isToken = theirs !== undefined && theirs.settings["MUSTER_TOKEN"] !== undefined;
    if (isToken && !input.on("wait")) throw new UsageError(["--wait is missing: with one token nobody else is here who could approve"]);
    await using open = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "muster-demo-"));
    open.defer(() => rmSync(folder, { recursive: true, force: true }));
    const to = theirs ?? (await ownServer(folder, open));
    const stage = openStage(commands, terminal, { ...to.settings, ...(isToken ? {} : { MUSTER_PRINCIPAL: "amy" }) }, to.options);
    const file = join(folder, "registration.yaml");
    const where = to.options.includes("--address") ? [] : ["--address", to.address];
    const given = {
      host,
      file,
      isToken,
      onServer,
      where,
      waits: input.on("wait"),
      suffix: onServer ? `-${(terminal.clock.now() % 36 ** 5).toString(36)}` : "",
    };
    const story: Story = { ...given, stage, terminal, open, approvers: input.text("approvers") ?? group };
    if (!onServer) {
      stage.say(
        `A server runs for this demo, with nothing but itself. To type along in another terminal:\n  export MUSTER_ADDRESS=${to.address} MUSTER_PRINCIPAL=amy`,
      );
    } else if (await hasPolicy(stage)) {
      terminal.err("muster demo: the policy registration is active on this server and stays as it is: without --server the demo has a server of its own\n");
      return exitCodes.conflict.code;
    }
    try {
      return await tell(story);
    } finally {
      if (terminal.signal.aborted && terminal.signal.reason instanceof Interrupted && terminal.signal.reason.by === "signal") terminal.err("Cleaning up.\n");
    }
  };
}

interface Server {
  readonly address: string;
  readonly settings: Terminal["settings"];
  /** Of every command. */
  readonly options: readonly string[];
}

async function ownServer(folder: string, open: AsyncDisposableStack): Promise<Server> {
  const { startOwnServer } = await import("./own-server.ts");
  const { address } = open.use(await startOwnServer(folder));
  return { address, settings: { MUSTER_ADDRESS: address }, options: [] };
}

/** Reached as the demo was told to. A token is in no command line. */
function theirServer(input: Input, terminal: Terminal): Server {
  const { address, token } = targetOf(input, terminal.settings, terminal.readFile);
  const { MUSTER_TOKEN: _token, MUSTER_TOKEN_FILE: _file, ...rest } = terminal.settings;
  const options = connectionOptions.flatMap(({ name, value }) => {
    if (name.startsWith("token") || !input.on(name)) return [];
    return value === undefined ? [`--${name}`] : [`--${name}`, input.text(name) ?? ""];
  });
  return { address, settings: token === undefined ? rest : { ...rest, MUSTER_TOKEN: token }, options };
}

async function hasPolicy(stage: Stage): Promise<boolean> {
  const { out } = await stage.quietly(["policy", "list", "-o", "json"]);
  const { policies } = JSON.parse(out) as { policies: { key: string; status: string }[] };
  return policies.some(({ key, status }) => key === "registration" && status === "POLICY_STATUS_ACTIVE");
}

interface Story {
  readonly stage: Stage;
  readonly terminal: Terminal;
  readonly open: AsyncDisposableStack;
  readonly host: string;
  readonly file: string;
  readonly isToken: boolean;
  readonly onServer: boolean;
  readonly waits: boolean;
  /** Of every name, so that the demo takes nobody else's. */
  readonly suffix: string;
  readonly approvers: string;
  /** How somebody in another terminal finds the server. */
  readonly where: readonly string[];
}

/** What came of a step is not what the story goes on with. */
class Unexpected extends Error {}

async function tell(story: Story): Promise<number> {
  const { stage, suffix, file, approvers } = story;
  const chunker = `demo-chunker${suffix}`;
  await stage.scene("A module that is well", "It registers, is checked until it is healthy, is asked what it is, and can be found then.");
  await register(story, { name: `demo-parser${suffix}`, version: "1.0.0", schema: sizes("integer"), isServing: true }, [], [0]);
  await stage.scene("One that never becomes healthy", "Everything that was done for it is undone, and the last line says why.");
  const times = ["--health-timeout", "3s", "--startup-grace", "1s"];
  await register(story, { name: `demo-sleeper${suffix}`, version: "1.0.0", schema: sizes("integer"), isServing: false }, times, [3]);

  await stage.scene("A policy", "This module has users. From now on its users decide on a version that breaks what they have configured.");
  await register(story, { name: chunker, version: "1.0.0", schema: sizes("integer"), isServing: true }, [], [0]);
  const policy = policyOf(chunker, approvers);
  writeFileSync(file, policy);
  stage.say(`\n$ cat ${file}\n${policy}`);
  const { out } = await stage.play(["policy", "put", file]);
  const version = / version (\d+) /.exec(out)?.[1] ?? "";
  cleanUp(story, ["policy", "archive", "registration", version]);
  expected(await stage.play(["policy", "activate", "registration", version, "--expect", "0"]), [0]);

  await stage.scene(
    "A version that breaks its users",
    "It is checked like any other, and then it waits. Nothing of it can be found; version 1.0.0 goes on serving.",
  );
  const next = await register(story, { name: chunker, version: "2.0.0", schema: sizes("string"), isServing: true }, [], [8]);
  const { out: held } = await stage.quietly(["modules", chunker, "--held", "-o", "json"]);
  const [{ approvalId } = { approvalId: "" }] = (JSON.parse(held) as { instances: { approvalId: string }[] }).instances;
  // What it grants ends with the demo.
  cleanUp(story, ["approvals", "close", approvalId, "--revoke", "--reason", "the demo is over"]);
  for (const words of [["modules"], ["modules", "--held"], ["approvals", "show", approvalId]]) {
    stage.say("");
    await stage.play(words);
  }

  await decide(story, next, approvalId);
  stage.say("");
  await stage.play(["modules"]);
  stage.say(`\nThat was all; what it left is removed. The same with a module of your own: README.md, "Hold a module and approve it".`);
  return exitCodes.done.code;
}

/** Somebody who did not ask for it decides, while the module waits. */
async function decide(story: Story, next: RunningModule, approvalId: string): Promise<void> {
  const { stage, isToken, waits, approvers, where, terminal } = story;
  const who = isToken ? [] : ["--as", "bob", "--as-groups", approvers];
  const approve = ["approvals", "approve", approvalId, ...who, ...where];
  await stage.scene("People decide", "Whoever asked cannot approve. The module registers again, and waits this time; it goes live because of the decision.");
  stage.say(waits ? `${isToken ? `A member of ${approvers}` : "You"} can type in another terminal:` : "Bob, one of its users, types in another terminal:");
  stage.say(`\n  ${stage.typed(approve)}\n`);
  const words = [...wordsOf(next), "--wait-for-approval", ...tableOf(terminal)];
  if (waits) {
    const { code } = expected(await stage.play(words), [0, 9, 10]);
    if (code !== 0) stage.say("\nSo it is not live, and version 1.0.0 serves as before.");
    return;
  }
  const asked = Promise.withResolvers<void>();
  const onOut = (out: string): void => {
    if (out.includes("APPROVAL_REQUESTED")) asked.resolve();
  };
  const waiting = stage.play(words, onOut).finally(() => asked.resolve());
  const voting = asked.promise.then(async () => {
    if (terminal.isInteractive) await terminal.clock.sleep(2_000, terminal.signal);
    return stage.quietly(approve);
  });
  const [ended, voted] = await Promise.all([waiting, voting]);
  stage.say(`\nThe other terminal:\n\n  $ ${stage.typed(approve)}\n  ${voted.out.trim()}`);
  expected(ended, [0]);
}

function wordsOf({ name, at, version }: RunningModule): readonly string[] {
  return ["register", name, at, "--type", "module", "--version", version];
}

/** Starts a module, and registers it from a terminal. */
async function register(story: Story, module: DemoModule, more: readonly string[], codes: readonly number[]): Promise<RunningModule> {
  const { stage, open, host, terminal } = story;
  const running = open.use(await startModule(module, host));
  cleanUp(story, ["names", "release", module.name]);
  cleanUp(story, ["unregister", module.name, running.at]);
  expected(await stage.play([...wordsOf(running), ...more, ...tableOf(terminal)]), codes);
  return running;
}

/** Elsewhere than on a terminal the events of a registration are JSON unless they are asked for. */
function tableOf({ isInteractive }: Terminal): readonly string[] {
  return isInteractive ? [] : ["-o", "table"];
}

/** At the end, the last one first; what is gone already needs no removing. A server of the demo's own goes as a whole. */
function cleanUp({ stage, open, onServer }: Story, words: readonly string[]): void {
  if (!onServer) return;
  open.defer(async () => {
    await stage.quietly(words).catch(() => undefined);
  });
}

function expected<T extends { readonly code: number }>(played: T, codes: readonly number[]): T {
  if (codes.includes(played.code)) return played;
  throw new Unexpected(`the demo ends here: the command before ended with ${played.code}, not with ${codes.join(" or ")}`);
}
