/** The rows of the table that read the log of events. */
import type { Command, Option } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const filterOptions: readonly Option[] = [
  { name: "type", value: "TYPE", many: true, what: "only of this type, such as ModuleRegistered" },
  { name: "subject", value: "KIND[/ID]", what: "only about these things, such as instance/echo-127.0.0.1-9000" },
];

export const eventCommands: readonly Command[] = [
  {
    name: "events list",
    what: "list what has happened, from the log of events",
    more: ["In the order of the log: from the first event there is, or after --after."],
    args: [],
    options: [
      { name: "after", value: "POSITION", what: "only events after this position of the log" },
      ...filterOptions,
      { name: "limit", value: "N", what: "at most so many; 50 when not given, 0 for all" },
      ...callOptions,
    ],
    examples: [
      { what: "the oldest that are kept", run: "muster events list" },
      { what: "what happened to one instance", run: "muster events list --subject instance/echo-127.0.0.1-9000 --limit 0" },
      { what: "who came and went, for a script", run: "muster events list --limit 0 -o json | jq -r '.events[] | [.type, .subject.id] | @tsv'" },
    ],
    load: async () => (await import("./events.ts")).listEvents,
  },
  {
    name: "events tail",
    what: "show events as they come",
    more: [
      "From now on, or after --after. A broken connection is taken up again after the",
      "last position seen, so that none is missing and none comes twice. Ctrl-C ends",
      "it, or the time of --timeout; the exit code is 0 then.",
    ],
    args: [],
    options: [{ name: "after", value: "POSITION", what: "also those there are after this position of the log" }, ...filterOptions, ...callOptions],
    examples: [
      { what: "everything from now on", run: "muster events tail" },
      { what: "modules that come and go", run: "muster events tail --type ModuleRegistered --type ModuleUnregistered" },
      { what: "a line of JSON an event, after the last one seen", run: "muster events tail --after 1200 -o json" },
    ],
    load: async () => (await import("./events.ts")).tailEvents,
  },
];
