/** The rows of the table that read the log of events. */
import type { Command, Option } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const filterOptions: readonly Option[] = [
  { name: "type", value: "TYPE", many: true, what: "only of this type, such as ModuleRegistered" },
  { name: "subject", value: "KIND[/ID]", what: "only about these subjects, such as instance/echo-127.0.0.1-9000" },
];

export const eventCommands: readonly Command[] = [
  {
    name: "events list",
    what: "list events from the log",
    more: ["In the order of the log: from the first available event, or after --after."],
    args: [],
    options: [
      { name: "after", value: "POSITION", what: "only events after this position of the log" },
      ...filterOptions,
      { name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" },
      ...callOptions,
    ],
    examples: [
      { what: "the oldest available events", run: "muster events list" },
      { what: "events of one instance", run: "muster events list --subject instance/echo-127.0.0.1-9000 --limit 0" },
      { what: "types and instances, for a script", run: "muster events list --limit 0 -o json | jq -r '.events[] | [.type, .subject.id] | @tsv'" },
    ],
    load: async () => (await import("./events.ts")).listEvents,
  },
  {
    name: "events tail",
    what: "show events as they come",
    more: [
      "From now on, or after --after. After a broken connection it resumes after the",
      "last position seen, without missing or repeating an event. Ends at Ctrl-C or",
      "after --timeout, with exit code 0.",
    ],
    args: [],
    options: [{ name: "after", value: "POSITION", what: "also existing events after this position of the log" }, ...filterOptions, ...callOptions],
    examples: [
      { what: "all new events", run: "muster events tail" },
      { what: "modules registered and unregistered", run: "muster events tail --type ModuleRegistered --type ModuleUnregistered" },
      { what: "one line of JSON per event, after the last one seen", run: "muster events tail --after 1200 -o json" },
    ],
    load: async () => (await import("./events.ts")).tailEvents,
  },
];
