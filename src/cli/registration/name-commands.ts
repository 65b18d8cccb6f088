/** The rows of the table about who owns names. */
import type { Command } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const shared = [
  { name: "ARTIFACT_ID", what: "artifact in the schema registry" },
  { name: "NAME", what: "name of the service, module or connector that publishes in it" },
] as const;

export const nameCommands: readonly Command[] = [
  {
    name: "names list",
    what: "list names, their owners and artifacts",
    more: ["For admins."],
    args: [{ name: "NAME", what: "only this one, in any spelling", optional: true }],
    options: [{ name: "owner", value: "OWNER", what: "only names of this principal, such as tokens|ci" }, ...callOptions],
    examples: [
      { what: "who owns a name", run: "muster names list search" },
      { what: "everything of one principal", run: "muster names list --owner 'tokens|ci'" },
    ],
    load: async () => (await import("./names.ts")).listNames,
  },
  {
    name: "names transfer",
    what: "give a name and its artifacts to another principal",
    more: ["For admins. What is registered stays."],
    args: [
      { name: "NAME", what: "the name, in any spelling" },
      { name: "OWNER", what: "key of the new owner: tokens|ci is the principal ci of the token file" },
    ],
    options: callOptions,
    examples: [{ what: "to another team's token", run: "muster names transfer search 'tokens|team-b'" }],
    load: async () => (await import("./names.ts")).transferName,
  },
  {
    name: "names release",
    what: "make a name nobody's, so that whoever registers it next owns it",
    more: ["For admins. Refused while something is registered or under way under it."],
    args: [{ name: "NAME", what: "the name, in any spelling" }],
    options: callOptions,
    examples: [{ what: "a name that is not used any more", run: "muster names release search" }],
    load: async () => (await import("./names.ts")).releaseName,
  },
  {
    name: "names share",
    what: "let another name publish schemas in an artifact of yours",
    more: ["For the artifact's owner, and for admins."],
    args: shared,
    options: callOptions,
    examples: [{ what: "one API description of two services", run: "muster names share payments-api billing" }],
    load: async () => (await import("./names.ts")).shareArtifact,
  },
  {
    name: "names unshare",
    what: "take that back; what was published stays",
    more: ["For the artifact's owner, and for admins."],
    args: shared,
    options: callOptions,
    examples: [{ what: "the same two services", run: "muster names unshare payments-api billing" }],
    load: async () => (await import("./names.ts")).unshareArtifact,
  },
];
