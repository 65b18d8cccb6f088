/** The rows of the table about events from outside. */
import type { Command } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const sample = "01a2011e-a4a0-7005-a6a4-f539b87dd561";
const event = { name: "ID", what: "id of the event, as `inbound list` shows it" };

export const inboundCommands: readonly Command[] = [
  {
    name: "inbound list",
    what: "list what outside systems delivered, newest first, with the counts of all",
    args: [],
    options: [
      { name: "source", value: "NAME", what: "only of this source" },
      { name: "status", value: "STATUS", choices: ["succeeded", "skipped", "failed", "parked"], what: "only with this status" },
      { name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" },
      ...callOptions,
    ],
    examples: [
      { what: "everything", run: "muster inbound list" },
      { what: "what needs attention", run: "muster inbound list --status parked" },
    ],
    load: async () => (await import("./events.ts")).listEvents,
  },
  {
    name: "inbound show",
    what: "show an event: what came of it, and its body",
    args: [event],
    options: callOptions,
    examples: [{ what: "why it failed", run: `muster inbound show ${sample}` }],
    load: async () => (await import("./events.ts")).showEvent,
  },
  {
    name: "inbound retry",
    what: "try an event now that failed, is parked or was skipped",
    more: ["The exit code is 1 when it fails again."],
    args: [event],
    options: callOptions,
    examples: [{ what: "its principal has the group now", run: `muster inbound retry ${sample}` }],
    load: async () => (await import("./events.ts")).retryEvent,
  },
  {
    name: "inbound sources",
    what: "list the systems outside that decide, and how the reading of those goes that are read",
    args: [],
    options: callOptions,
    examples: [{ what: "whether they are read", run: "muster inbound sources" }],
    load: async () => (await import("./sources.ts")).listSources,
  },
  {
    name: "inbound prune",
    what: "delete events that came long ago",
    more: ["One that is delivered again after that is taken as a new one.", "Those that are still tried stay."],
    args: [],
    options: [{ name: "older-than", value: "DURATION", what: "how long ago they came; 30d by default, at least 1h" }, ...callOptions],
    examples: [{ what: "all but those of the last week", run: "muster inbound prune --older-than 7d" }],
    load: async () => (await import("./events.ts")).pruneEvents,
  },
];
