import { parseConfig } from "../config/config.ts";
import { asyncApi } from "../delivery/asyncapi.ts";
import { events } from "../events.ts";
import type { Run } from "./frame/command.ts";
import { exitCodes } from "./frame/exit-codes.ts";

/** Prints the AsyncAPI document of the events as this configuration has them. Rejects with ConfigError. */
export const asyncApiCommand: Run = async (_input, terminal) => {
  const { eventWire } = parseConfig(terminal.settings, terminal.readFile);
  terminal.out(`${JSON.stringify(asyncApi(events, eventWire), null, 2)}\n`);
  return exitCodes.done.code;
};
