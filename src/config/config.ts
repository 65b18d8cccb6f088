/** The server's configuration from its environment, by section. All errors are reported together; an unknown variable is an error. */
import type { EventWire } from "../delivery/event-wire.ts";
import { adapterVariables, parseAdapters, type AdapterSettings } from "./adapters.ts";
import { clientVariables } from "./client.ts";
import { eventVariables, parseEventWire } from "./events.ts";
import { inboundVariables, parseInbound, type InboundSettings } from "./inbound.ts";
import { logVariables, parseLog, type LogSettings } from "./log.ts";
import { parseRegistration, registrationVariables, type RegistrationSettings } from "./registration.ts";
import { parseSelf, selfVariables, type SelfRegistration } from "./self.ts";
import { accessVariables, listenVariables, parseServer, rootVariables, type ServerSettings } from "./server.ts";
import { readSettings, type Settings } from "./settings.ts";
import { parseDuration } from "./values.ts";
import { parseWebhooks, webhookVariables, type WebhookSettings } from "./webhooks.ts";

export interface Config extends ServerSettings, AdapterSettings, RegistrationSettings, WebhookSettings, InboundSettings {
  readonly eventWire: EventWire;
  /** How long events stay readable in the log. */
  readonly eventRetentionMs: number;
  /** This server's own entry in the catalog, if it has one. */
  readonly self: SelfRegistration | undefined;
  readonly log: LogSettings;
}

/** All problems of the configuration, one line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Every variable: its default and properties. The same list is in docs/operations.md. */
export const variables = {
  ...listenVariables,
  ...adapterVariables,
  ...eventVariables,
  ...accessVariables,
  ...registrationVariables,
  ...webhookVariables,
  ...inboundVariables,
  ...selfVariables,
  ...rootVariables,
  ...logVariables,
} as const;

export type Variable = keyof typeof variables;

/** Every variable. */
export const allVariables = { ...variables, ...clientVariables };

/**
 * Reads the `MUSTER_*` variables among `settings`. A secret may be given as `<NAME>_FILE`, the path of a file that contains
 * it; `readFile` reads such a file. Throws ConfigError with every problem found.
 */
export function parseConfig(settings: Settings, readFile: (path: string) => string): Config {
  const read = readSettings(settings, { known: allVariables, wanted: variables, readFile });
  const problems = [...read.problems];
  const get = (name: Variable): string => read.value(name);
  const server = parseServer(get, problems);
  const adapters = parseAdapters(get, problems);
  const config: Config = {
    ...server,
    ...adapters,
    ...parseRegistration(get, server.listen.host, problems),
    ...parseWebhooks(get, server.listen.host, problems),
    ...parseInbound(get, problems),
    eventWire: parseEventWire(get, adapters, problems),
    eventRetentionMs: parseDuration("MUSTER_EVENT_RETENTION", get("MUSTER_EVENT_RETENTION"), { unit: "d", min: 1, max: 3_650 }, problems),
    self: parseSelf(get, { ...server, ...adapters }, problems),
    log: parseLog(get, problems),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
