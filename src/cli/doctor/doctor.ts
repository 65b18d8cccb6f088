/**
 * Checks everything a server needs, whether one runs or not, and suggests fixes. Nothing is changed. The
 * checks run concurrently, each with a time limit, and are reported in a fixed order.
 */
import { allVariables, ConfigError, parseConfig, variables, type Config } from "../../config/config.ts";
import { printable } from "../../kernel/log.ts";
import { readSettings } from "../../config/settings.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { formatOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { targetOf, type Target } from "../frame/target.ts";
import type { Terminal } from "../frame/terminal.ts";
import { checkAuth, checkModuleCa, checkSecretFiles, checkTls } from "./files.ts";
import type { Check, Finding } from "./finding.ts";
import { checkListen } from "./listen.ts";
import { checkServer, healthOf } from "./server.ts";
import { checkCatalog, checkEvents, checkSchemas } from "./servers.ts";
import { checkStore } from "./store.ts";

export const doctorCommand: Run = async (input, terminal) => {
  const { signal, clock } = terminal;
  const now = (): number => clock.now();
  const caller = callerOf(input, terminal);
  const tls = "target" in caller ? caller.target.tls : undefined;
  const running = [nodeCheck(terminal.nodeVersion), ...configured(terminal, tls)].map((check) => check(signal));
  // Last, and alone: the check of the port takes it for a moment.
  const server = Promise.all(running).then(async (before): Promise<readonly Finding[]> => {
    if ("target" in caller) return checkServer(caller.target, caller.connection, now)(signal);
    const told = before.flat().map(({ text }) => text);
    return caller.problems
      .filter((text) => !told.includes(text))
      .map((text): Finding => ({ area: "client", state: "bad", text, todo: "muster doctor --help" }));
  });
  const isText = formatOf(input) === "table";
  const style = styleFor(terminal.colour.out);
  const findings: Finding[] = [];
  for (const check of [...running, server]) {
    const found = await check;
    findings.push(...found);
    if (isText) terminal.out(found.map((finding) => findingText(finding, style)).join(""));
  }
  const bad = findings.filter(({ state }) => state === "bad").length;
  const warned = findings.filter(({ state }) => state === "warn").length;
  if (isText) terminal.out(`\n${summary(bad, warned, style)}\n`);
  else await show(input, terminal, { ok: bad === 0, findings: findings.map((finding) => ({ ...finding })) }, () => "");
  return bad === 0 ? exitCodes.done.code : exitCodes.failed.code;
};

type Caller = { readonly target: Target; readonly connection: Connection } | { readonly problems: readonly string[] };

/** How this command would call a server; an error in that is a finding like any other. */
function callerOf(input: Input, terminal: Terminal): Caller {
  try {
    return { target: targetOf(input, terminal.settings, terminal.readFile), connection: connect(input, terminal) };
  } catch (error) {
    if (error instanceof UsageError) return { problems: error.problems };
    throw error;
  }
}

function nodeCheck(version: string): Check {
  return async () => [{ area: "node", state: "ok", text: `version ${version}`, todo: "" }];
}

/** The checks for this configuration; when it is not valid, its errors. */
function configured(terminal: Terminal, clientTls: Target["tls"]): readonly Check[] {
  const { settings, readFile, clock, signal } = terminal;
  const now = (): number => clock.now();
  let config: Config;
  try {
    config = parseConfig(settings, readFile);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const todo = "docs/operations.md lists the variables; muster config shows the result.";
    return [async () => error.problems.map((text): Finding => ({ area: "configuration", state: "bad", text, todo }))];
  }
  const isServing = async (): Promise<boolean> => {
    const url = `${config.tls ? "https" : "http"}://${address(config.listen)}`;
    // Only to identify it: nothing but the request is sent.
    const tls = config.tls ? { ...clientTls } : undefined;
    return healthOf({ url, tls }, { now, signal, ...(tls ? { tls: { rejectUnauthorized: false } } : {}) }).then(
      () => true,
      () => false,
    );
  };
  return [
    async () => [{ area: "configuration", state: "ok", text: "valid", todo: "" }],
    checkSecretFiles(secretFiles(terminal)),
    checkListen(config.listen, isServing),
    ...(config.tls ? [checkTls(config.tls, now)] : []),
    checkAuth(config.auth),
    ...(config.modules.caFile === undefined ? [] : [checkModuleCa(config.modules.caFile)]),
    checkStore(config.store, now, isServing),
    checkCatalog(config.catalog, now),
    checkSchemas(config.schemas, now),
    checkEvents(config),
  ];
}

/** Where the server can be called on this machine: an unspecified address means any. */
function address({ host, port }: Config["listen"]): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function secretFiles({ settings, readFile }: Terminal): readonly string[] {
  const read = readSettings(settings, { known: allVariables, wanted: variables, readFile });
  return Object.keys(variables).flatMap((name) => {
    const origin = read.origin(name as keyof typeof variables);
    return typeof origin === "object" ? [origin.file] : [];
  });
}

const areaWidth = "configuration".length;

function findingText({ area, state, text, todo }: Finding, style: Style): string {
  const mark = { ok: style.good("✓"), warn: style.warn("!"), bad: style.bad("✗") }[state];
  const line = `${mark} ${style.bold(area.padEnd(areaWidth))}  ${printable(text, 2_048)}\n`;
  return todo === "" ? line : `${line}${" ".repeat(areaWidth + 4)}${style.dim("→")} ${printable(todo)}\n`;
}

function summary(bad: number, warned: number, style: Style): string {
  const warnings = warned === 0 ? "" : `, ${warned} ${warned === 1 ? "warning" : "warnings"}`;
  return bad === 0 ? `${style.good("No problems")}${warnings}.` : `${style.bad(`${bad} ${bad === 1 ? "problem" : "problems"}`)}${warnings}.`;
}
