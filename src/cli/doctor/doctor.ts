/**
 * Checks everything a server needs, whether one runs or not, and suggests fixes. Nothing is changed. The
 * checks run concurrently, each with a time limit, and are reported in a fixed order.
 */
import { allVariables, ConfigError, parseConfig, variables, type Config } from "../../config/config.ts";
import { readSettings } from "../../config/settings.ts";
import { worded } from "../frame/called-as.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { formatOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { targetOf, type Target } from "../frame/target.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { checkDirectory, checkSecretFiles } from "./files.ts";
import { findingText, type Check, type Finding } from "./finding.ts";
import { checkInbound } from "./inbound.ts";
import { checkServer } from "./server.ts";
import { checkCatalog, checkEvents, checkSchemas } from "./servers.ts";
import { startChecks } from "./start-checks.ts";

export const doctorCommand: Run = async (input, terminal) => {
  const { signal, clock } = terminal;
  const now = (): number => clock.now();
  const caller = callerOf(input, terminal);
  const tls = "target" in caller ? caller.target.tls : undefined;
  const running = [nodeCheck(terminal.nodeVersion), ...configured(terminal, tls)].map((check) => check(signal));
  // Last, and alone: the check of the port takes it for a moment.
  const server = Promise.all(running).then(async (before): Promise<readonly Finding[]> => {
    if ("target" in caller) return checkServer(caller.target, caller.connection, now)(signal);
    const known = before.flat().map(({ text }) => text);
    return caller.problems
      .filter((text) => !known.includes(text))
      .map((text): Finding => ({ area: "client", state: "bad", text, todo: "muster doctor --help" }));
  });
  const isText = formatOf(input) === "table";
  const style = styleFor(terminal.colour.out);
  const findings: Finding[] = [];
  for (const check of [...running, server]) {
    const found = (await check).map((finding) => ({ ...finding, todo: worded(finding.todo, terminal.program) }));
    findings.push(...found);
    if (isText) terminal.out(found.map((finding) => findingText(finding, style, columnsOf(terminal))).join(""));
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
  return [
    async () => [{ area: "configuration", state: "ok", text: "valid", todo: "" }],
    checkSecretFiles(secretFiles(terminal)),
    ...(config.directory ? [checkDirectory(config.directory)] : []),
    ...(config.inbound.file === undefined ? [] : [checkInbound(config, config.inbound.file)]),
    ...startChecks(config, { now, signal, clientTls }),
    checkCatalog(config.catalog, now),
    checkSchemas(config.schemas, now),
    checkEvents(config),
  ];
}

function secretFiles({ settings, readFile }: Terminal): readonly string[] {
  const read = readSettings(settings, { known: allVariables, wanted: variables, readFile });
  return Object.keys(variables).flatMap((name) => {
    const origin = read.origin(name as keyof typeof variables);
    return typeof origin === "object" ? [origin.file] : [];
  });
}

function summary(bad: number, warned: number, style: Style): string {
  const warnings = warned === 0 ? "" : `, ${warned} ${warned === 1 ? "warning" : "warnings"}`;
  return bad === 0 ? `${style.good("No problems")}${warnings}.` : `${style.bad(`${bad} ${bad === 1 ? "problem" : "problems"}`)}${warnings}.`;
}
