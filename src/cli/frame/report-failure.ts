import { ConnectError } from "@connectrpc/connect";
import { worded } from "./called-as.ts";
import type { Command } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { failureJson, failureOf, failureText, isAnswer } from "./failure.ts";
import { formatOf } from "./output.ts";
import { findCommand, parseInput } from "./parse.ts";
import { styleFor } from "./style.ts";
import { targetOf } from "./target.ts";
import type { Terminal } from "./terminal.ts";
import { unreachable } from "./unreachable.ts";

/** Reports on stderr why a command failed, as JSON with `-o json`; resolves to the exit code. */
export async function reportFailure(error: unknown, command: Command | undefined, argv: readonly string[], terminal: Terminal): Promise<number> {
  if (!(error instanceof ConnectError) || command === undefined) {
    terminal.err(`muster: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodes.failed.code;
  }
  const input = parseInput(command, findCommand([command], argv).argv);
  const found = isAnswer(error) ? failureOf(error) : await unreachable(error, targetOf(input, terminal.settings, terminal.readFile));
  const failure = { ...found, hints: found.hints.map((hint) => worded(hint, terminal.program)) };
  terminal.err(formatOf(input) === "json" ? failureJson(failure) : failureText(failure, styleFor(terminal.colour.err)));
  return failure.exitCode;
}
