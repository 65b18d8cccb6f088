import { clientVariables, type ClientVariable } from "../config/client.ts";
import { allVariables, ConfigError, parseConfig, type Config, type Variable } from "../config/config.ts";
import { readSettings, type Origin } from "../config/settings.ts";
import { DomainError } from "../kernel/errors.ts";
import { masked } from "../kernel/mask.ts";
import type { Run } from "./frame/command.ts";
import { exitCodes } from "./frame/exit-codes.ts";
import { show } from "./frame/output.ts";
import { styleFor } from "./frame/style.ts";
import { table } from "./frame/table.ts";
import type { Terminal } from "./frame/terminal.ts";

/** Shows every variable with its effective value, its source, and all problems; resolves to 1 when there are any. */
export const configCommand: Run = async (input, terminal) => {
  const problems = await problemsOf(terminal);
  const read = readSettings(terminal.settings, { known: allVariables, wanted: allVariables, readFile: terminal.readFile });
  const rows = Object.entries(allVariables).map(([name, { secret }]) => {
    const variable = name as Variable | ClientVariable;
    const usedBy = Object.hasOwn(clientVariables, name) ? "client" : "server";
    return { name, value: masked(read.value(variable), secret), from: originText(read.origin(variable)), usedBy };
  });
  const style = styleFor(terminal.colour.out);
  await show(input, terminal, { variables: rows, problems: [...problems] }, () => {
    const cells = rows.map(({ name, value, from, usedBy }) => [
      name,
      from === "default" ? { text: value || "-", paint: style.dim } : value || "-",
      from,
      usedBy,
    ]);
    const wrong = problems.length === 0 ? "" : `\n${style.bad("Not valid:")}\n${problems.map((problem) => `  ${problem}\n`).join("")}`;
    return table({ heads: ["VARIABLE", "VALUE", "FROM", "USED BY"], rows: cells, bold: style.bold }) + wrong;
  });
  return problems.length === 0 ? exitCodes.done.code : exitCodes.failed.code;
};

/** Problems of these settings that would keep a server from starting, without looking outside. */
async function problemsOf({ settings, readFile }: Terminal): Promise<readonly string[]> {
  try {
    const config = parseConfig(settings, readFile);
    const { problems } = readSettings(settings, { known: allVariables, wanted: clientVariables, readFile });
    return [...problems, ...(await sourceProblems(config, readFile))];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The file of sources is configuration, too. */
async function sourceProblems(config: Config, readFile: Terminal["readFile"]): Promise<readonly string[]> {
  const { file } = config.inbound;
  if (file === undefined) return [];
  try {
    const { sourcesParser } = await import("../open-inbound.ts");
    (await sourcesParser(config))(readFile(file));
    return [];
  } catch (error) {
    return [`MUSTER_INBOUND: ${error instanceof DomainError ? error.message : `the file ${file} cannot be read`}`];
  }
}

function originText(origin: Origin): string {
  return typeof origin === "object" ? `file ${origin.file}` : origin;
}
