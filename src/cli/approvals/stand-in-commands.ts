/** The rows of the table about stand-ins. */
import type { Command } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const sample = "01a2011e-a4a0-7005-a6a4-f539b87dd561";

export const standInCommands: readonly Command[] = [
  {
    name: "standin put",
    what: "let somebody vote in your place for some time",
    more: ["A date without a time is its beginning, in UTC."],
    args: [{ name: "TO", what: "key or login of the person who votes instead" }],
    options: [
      { name: "until", value: "WHEN", what: "for how long, such as 7d, or until when; required" },
      { name: "policy", value: "KEY", many: true, what: "only under this policy" },
      ...callOptions,
    ],
    examples: [
      { what: "for a week", run: "muster standin put dan@example.org --until 7d" },
      { what: "until a time, under two policies", run: "muster standin put dan@example.org --until 2027-01-31T18:00:00Z --policy release --policy schema" },
    ],
    load: async () => (await import("./stand-ins.ts")).putStandIn,
  },
  {
    name: "standin list",
    what: "list the stand-ins you named, and for whom you vote; admins see all",
    args: [],
    options: callOptions,
    examples: [{ what: "those that have not ended", run: "muster standin list" }],
    load: async () => (await import("./stand-ins.ts")).listStandIns,
  },
  {
    name: "standin delete",
    what: "end a stand-in now",
    args: [{ name: "ID", what: "id of the stand-in, as `standin list` shows it" }],
    options: callOptions,
    examples: [{ what: "back from leave", run: `muster standin delete ${sample}` }],
    load: async () => (await import("./stand-ins.ts")).deleteStandIn,
  },
];
