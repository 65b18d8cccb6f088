/** The rows of the table about policies. */
import type { Command } from "../frame/command.ts";
import { callOptions, outputOption } from "../frame/options.ts";

const key = { name: "KEY", what: "key of the policy" };
const expect = { name: "expect", value: "VERSION", what: "fail unless this version is active now, 0 for none" };

export const policyCommands: readonly Command[] = [
  {
    name: "policy lint",
    what: "find everything that is wrong with policies, without a server",
    more: [
      "Each finding is a line: FILE:LINE:COLUMN, its weight, the field, what is wrong.",
      "Exit code 1 when there is an error; warnings alone do not fail.",
    ],
    args: [{ name: "FILE", what: "a policy in YAML or JSON, - for stdin", many: true }],
    options: [
      { name: "claims-only", what: "members of groups are only known from credentials: no directory" },
      { name: "strict", what: "exit with 1 also when there are only warnings" },
      outputOption,
    ],
    examples: [
      { what: "before it is put", run: "muster policy lint registration.yaml" },
      { what: "all of a repository, in a build", run: "muster policy lint --strict policies/*.yaml" },
    ],
    load: async () => (await import("./policy-lint.ts")).policyLint,
  },
  {
    name: "policy put",
    what: "store a policy as a new draft",
    more: ["The document of the latest version, unless that is archived, makes no new one.", "Warnings are on stderr."],
    args: [{ name: "FILE", what: "the policy in YAML or JSON, - for stdin" }],
    options: [{ name: "dry-run", what: "only check it: exit with 1 when it has errors" }, ...callOptions],
    examples: [
      { what: "a new draft", run: "muster policy put registration.yaml" },
      { what: "what the server would say", run: "muster policy put registration.yaml --dry-run" },
    ],
    load: async () => (await import("./policies.ts")).policyPut,
  },
  {
    name: "policy activate",
    what: "make a version of a policy the active one",
    more: [
      "The version that was active is archived. Requests that are open keep theirs.",
      "With a version of `registration` new registrations wait for approval where it",
      "says so; what is live is admitted as it is, and their number is shown.",
    ],
    args: [key, { name: "VERSION", what: "number of the version" }],
    options: [expect, { name: "no-admit-live", what: "of `registration`: fail if anything is live that was never approved" }, ...callOptions],
    examples: [
      { what: "the first version", run: "muster policy activate registration 1" },
      { what: "only if nobody activated another one meanwhile", run: "muster policy activate registration 4 --expect 3" },
    ],
    load: async () => (await import("./policies.ts")).policyActivate,
  },
  {
    name: "policy archive",
    what: "take a version of a policy out of use for good",
    more: [
      "Without an active version new requests under the policy are refused; open ones",
      "keep theirs. Without one of `registration` nothing waits any more: what waits is",
      "cancelled, and goes live when it registers again, or at once with --release.",
    ],
    args: [key, { name: "VERSION", what: "number of the version; the active one by default", optional: true }],
    options: [expect, { name: "release", what: "of `registration`: what waits for approval goes live now" }, ...callOptions],
    examples: [
      { what: "the active one", run: "muster policy archive registration" },
      { what: "a draft", run: "muster policy archive registration 5" },
    ],
    load: async () => (await import("./policies.ts")).policyArchive,
  },
  {
    name: "policy list",
    what: "list policies, or the versions of one",
    more: ["Without KEY each policy is shown by its active version, or else the latest."],
    args: [{ ...key, optional: true }],
    options: callOptions,
    examples: [
      { what: "all policies", run: "muster policy list" },
      { what: "the versions of one, latest first", run: "muster policy list registration" },
    ],
    load: async () => (await import("./policies.ts")).policyList,
  },
  {
    name: "policy show",
    what: "print a policy with its defaults written out",
    more: ["It is printed as YAML, which can be put again; -o json and -o yaml show its", "version too."],
    args: [key],
    options: [
      { name: "version", value: "VERSION", what: "this version; by default the active one, or else the latest" },
      { name: "source", what: "the text as it was put, with its comments" },
      ...callOptions,
    ],
    examples: [
      { what: "the active version", run: "muster policy show registration" },
      { what: "an earlier version, into a file", run: "muster policy show registration --version 3 > registration-3.yaml" },
    ],
    load: async () => (await import("./policies.ts")).policyShow,
  },
  {
    name: "policy simulate",
    what: "show what a policy would make of a request, with votes that nobody cast",
    more: [
      "Nothing is kept. The people are those the server knows now; groups of a voter's",
      "credentials follow the vote. A word with a slash, or that ends with .yaml, .yml",
      "or .json, is a file; - is stdin.",
    ],
    args: [
      { name: "KEY|FILE", what: "a policy of the server by its key, or a document" },
      { name: "TYPE/ID", what: "the subject: its type and its id, such as document/42" },
    ],
    options: [
      { name: "context", value: "FILE", what: "the facts that the policy reads, a JSON object; - for stdin" },
      { name: "digest", value: "DIGEST", what: "digest of the subject's content" },
      { name: "requester", value: "PERSON", what: "key or login of the person who would ask; you by default" },
      { name: "vote", value: "VOTE", many: true, what: "PERSON=VERDICT or PERSON=VERDICT:GROUP,…, with approve, reject, abstain or request-changes" },
      ...callOptions,
    ],
    examples: [
      { what: "who would decide", run: "muster policy simulate release build/42 --context build.json" },
      {
        what: "a draft, and whether two people are enough",
        run: "muster policy simulate ./release.yaml build/42 --vote bob=approve:developers --vote cat=approve:sre",
      },
    ],
    load: async () => (await import("./simulate.ts")).policySimulate,
  },
];
