/** The rows of the table that show what is registered. */
import type { Command } from "../frame/command.ts";
import { callOptions, watchOption } from "../frame/options.ts";

const lookup = [
  { name: "id", value: "ID", what: "one instance, by its service id" },
  { name: "held", what: "those that wait for an approval, and for what" },
  watchOption,
  ...callOptions,
];

export const discoveryCommands: readonly Command[] = [
  {
    name: "services",
    what: "list the services, or show one",
    args: [{ name: "NAME", what: "show one instance of this name, preferably a healthy one", optional: true }],
    options: lookup,
    examples: [
      { what: "all of them, with their health", run: "muster services" },
      { what: "all data of one instance", run: "muster services search" },
      { what: "the unhealthy ones, for a script", run: "muster services -o json | jq -r '.services[] | select(.isHealthy | not) | .serviceId'" },
    ],
    load: async () => (await import("./instances.ts")).servicesCommand,
  },
  {
    name: "modules",
    what: "list the modules, or show one",
    args: [{ name: "NAME", what: "show one instance of this name, preferably a healthy one", optional: true }],
    options: lookup,
    examples: [
      { what: "all of them, with their health", run: "muster modules" },
      { what: "one instance", run: "muster modules --id echo-127.0.0.1-9000" },
      { what: "those that wait for an approval", run: "muster modules --held" },
    ],
    load: async () => (await import("./instances.ts")).modulesCommand,
  },
  {
    name: "watch",
    what: "show services or modules as they change",
    more: [
      "On a terminal the list is redrawn at each change; elsewhere each change is a",
      "line: + added, - removed, ~ changed. With -o json each new list is a line.",
      "A broken connection is reopened. Ends at Ctrl-C or after --timeout, with exit",
      "code 0.",
    ],
    args: [{ name: "WHAT", what: "what to watch; services by default", optional: true, choices: ["services", "modules"] }],
    options: callOptions,
    examples: [
      { what: "the modules", run: "muster watch modules" },
      { what: "how many services there are, at each change", run: "muster watch -o json | jq --unbuffered .totalCount" },
    ],
    load: async () => (await import("./instances.ts")).watchCommand,
  },
  {
    name: "resolve",
    what: "select one healthy instance of a service",
    more: ["Exit code 5 when none matches."],
    args: [{ name: "NAME", what: "name of the service" }],
    options: [
      { name: "tag", value: "TAG", many: true, what: "it must have this tag" },
      { name: "capability", value: "NAME", many: true, what: "it must have this capability" },
      { name: "local", what: "prefer one on the caller's host" },
      { name: "quiet", short: "q", what: "print only host:port" },
      ...callOptions,
    ],
    examples: [
      { what: "an instance, and why it was selected", run: "muster resolve search --tag blue" },
      { what: "its address, for a script", run: 'grpcurl -plaintext "$(muster resolve search -q)" list' },
    ],
    load: async () => (await import("./resolve.ts")).resolveCommand,
  },
  {
    name: "schema get",
    what: "print the configuration schema of a module or connector",
    more: ["It is printed as stored; -o json and -o yaml show its metadata too."],
    args: [{ name: "NAME", what: "name of the module, or type of the connector" }],
    options: [
      { name: "version", value: "VERSION", what: "this version; the latest by default" },
      { name: "connector", what: "NAME is the type of a connector" },
      ...callOptions,
    ],
    examples: [
      { what: "the latest", run: "muster schema get echo" },
      { what: "a version, into a file", run: "muster schema get echo --version 1.0.0 > echo-1.0.0.json" },
    ],
    load: async () => (await import("./schema.ts")).schemaGet,
  },
  {
    name: "schema versions",
    what: "list the versions of a module's configuration schema",
    args: [{ name: "NAME", what: "name of the module" }],
    options: callOptions,
    examples: [{ what: "newest first", run: "muster schema versions echo" }],
    load: async () => (await import("./schema.ts")).schemaVersions,
  },
  {
    name: "schema diff",
    what: "show whether a new version of a schema breaks configurations",
    more: [
      "Without FROM and TO the latest version is compared with the one before it. With",
      "--file nothing is stored, so that a build can check before it registers; with",
      "--check the exit code is 1 unless everything that was valid is still valid.",
    ],
    args: [
      { name: "NAME", what: "name of the module, or type of the connector" },
      { name: "FROM", what: "the earlier version; by default the one before TO", optional: true },
      { name: "TO", what: "the later version; the latest by default", optional: true },
    ],
    options: [
      { name: "file", short: "f", value: "FILE", what: "a schema in this file, - for stdin, in place of TO; FROM is the latest then" },
      { name: "connector", what: "NAME is the type of a connector" },
      { name: "check", what: "exit with 1 when it is breaking or unknown" },
      ...callOptions,
    ],
    examples: [
      { what: "what the latest version changed", run: "muster schema diff echo" },
      { what: "between two versions", run: "muster schema diff echo 1.0.0 2.0.0" },
      { what: "in a build, before the new version is registered", run: "muster schema diff echo --file schema.json --check" },
    ],
    load: async () => (await import("./schema-diff.ts")).schemaDiff,
  },
  {
    name: "tags",
    what: "show or change the tags of an instance",
    more: ["Tags derived from its type and capabilities stay. --add and --remove read the", "tags first: of two concurrent changes the later one wins."],
    args: [{ name: "SERVICE_ID", what: "id of the instance" }],
    options: [
      { name: "set", value: "TAG", many: true, what: "replace all tags by these" },
      { name: "add", value: "TAG", many: true, what: "add this tag" },
      { name: "remove", value: "TAG", many: true, what: "remove this tag" },
      { name: "clear", what: "remove all tags" },
      ...callOptions,
    ],
    examples: [
      { what: "its tags", run: "muster tags echo-127.0.0.1-9000" },
      { what: "from blue to green", run: "muster tags echo-127.0.0.1-9000 --remove blue --add green" },
    ],
    load: async () => (await import("./tags.ts")).tagsCommand,
  },
];
