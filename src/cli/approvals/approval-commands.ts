/** The rows of the table about requests for approval. */
import type { Command, Option } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const id = { name: "ID", what: "id of the request, as `approvals list` shows it" };
const sample = "01a2011e-a4a0-7005-a6a4-f539b87dd561";
const states = ["open", "pending", "in-review", "changes-requested", "approved", "rejected", "expired", "cancelled"];
const reason: Option = { name: "reason", value: "TEXT", what: "why, for the record" };
const context: Option = { name: "context", value: "FILE", what: "the facts that the policy reads, a JSON object; - for stdin" };
const requirement: Option = { name: "requirement", value: "ID", what: "for this requirement alone" };

const votes = [
  { word: "approve", verdict: "APPROVE", what: "approve requests" },
  { word: "reject", verdict: "REJECT", what: "reject requests" },
  { word: "abstain", verdict: "ABSTAIN", what: "abstain from deciding on requests" },
  { word: "request-changes", verdict: "REQUEST_CHANGES", what: "ask for changes before requests can be approved" },
] as const;

const voteCommands = votes.map(({ word, what, verdict }): Command => ({
  name: `approvals ${word}`,
  what,
  more: [
    "Each request has a line of its own: what it waits for now, or why the vote does",
    "not count; the exit code is that of the first refusal. Without --digest the",
    "vote is for the content that each request has when this command begins, not",
    "for what you have looked at before: give the digest that you saw to be sure.",
  ],
  args: [{ name: "ID", what: "ids of the requests; - reads them from stdin, one a line", many: true }],
  options: [
    { ...reason, what: "your comment; the policy says for which votes it is required" },
    { name: "digest", value: "DIGEST", what: "vote only if the request still has this content" },
    { name: "stage", value: "ID", what: "vote only if this stage is still the active one" },
    requirement,
    ...callOptions,
  ],
  examples: [
    { what: "one", run: `muster approvals ${word} ${sample} --reason "see the review"` },
    { what: "all of a file, one id a line", run: `muster approvals ${word} - --reason "see the review" < ids` },
  ],
  load: async () => (await import("./vote.ts")).voteCommand(verdict),
}));

export const approvalCommands: readonly Command[] = [
  {
    name: "approvals list",
    what: "list requests for approval, newest first",
    args: [],
    options: [
      { name: "mine", what: "only those that you may decide now, with their number" },
      { name: "state", value: "STATE", many: true, choices: states, what: "only in this state; open is every state before the end" },
      { name: "subject", value: "TYPE[/ID]", what: "only about these subjects, such as document/42" },
      { name: "policy", value: "KEY", what: "only under this policy" },
      { name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" },
      ...callOptions,
    ],
    examples: [
      { what: "what you may decide", run: "muster approvals list --mine" },
      { what: "their ids, into a file", run: "muster approvals list --mine --limit 0 -o json | jq -r '.approvals[].id' > ids" },
      { what: "what is open under a policy", run: "muster approvals list --state open --policy release" },
      { what: "all that was ever asked about a subject", run: "muster approvals list --subject document/42 --limit 0" },
    ],
    load: async () => (await import("./read.ts")).listRequests,
  },
  {
    name: "approvals show",
    what: "show a request with its stages and votes",
    args: [id],
    options: [{ name: "explain", what: "also what it waits for, in words" }, ...callOptions],
    examples: [
      { what: "one", run: `muster approvals show ${sample}` },
      { what: "the digest of what is decided upon", run: `muster approvals show ${sample} -o json | jq -r .approval.subject.digest` },
    ],
    load: async () => (await import("./read.ts")).showRequest,
  },
  {
    name: "approvals explain",
    what: "say what a request waits for, and who can decide",
    args: [id],
    options: callOptions,
    examples: [{ what: "why it is not approved yet", run: `muster approvals explain ${sample}` }],
    load: async () => (await import("./read.ts")).explainRequest,
  },
  {
    name: "approvals create",
    what: "ask for approval of a subject",
    more: [
      "A request for the same content that is open, or approved and still granting, is",
      "joined. With --wait its events are shown until it is decided, and the exit code",
      "says how: 0 approved, 9 rejected, 10 expired or cancelled, 8 not decided",
      "within --timeout.",
    ],
    args: [
      { name: "POLICY", what: "key of the policy" },
      { name: "TYPE/ID", what: "the subject: its type and its id, such as document/42" },
    ],
    options: [
      { name: "digest", value: "DIGEST", what: "digest of the content that is decided upon; required" },
      context,
      { name: "on-behalf-of", value: "KEY", what: "for this person, who may not decide on it either" },
      { name: "callback", value: "URL", what: "send the request's events there" },
      { name: "callback-secret", value: "ID", what: "the secret that signs them; only on loopback not required" },
      { name: "dry-run", what: "only show what would be opened" },
      { name: "wait", what: "wait for the decision" },
      ...callOptions,
    ],
    examples: [
      { what: "ask", run: "muster approvals create release build/42 --digest sha256:4be1 --context build.json" },
      { what: "ask, and wait for at most a day", run: "muster approvals create release build/42 --digest sha256:4be1 --wait --timeout 1d" },
      { what: "who would decide", run: "muster approvals create release build/42 --digest sha256:4be1 --dry-run" },
    ],
    load: async () => (await import("./change.ts")).createRequest,
  },
  ...voteCommands,
  {
    name: "approvals revise",
    what: "give a request new content of the same subject",
    more: ["It is decided anew, by the version of the policy that is active now; former", "votes are void. For whoever opened the request."],
    args: [id],
    options: [
      { name: "digest", value: "DIGEST", what: "digest of the new content; required" },
      { ...context, what: `${context.what}; without it the former one` },
      ...callOptions,
    ],
    examples: [{ what: "after changes were requested", run: `muster approvals revise ${sample} --digest sha256:77c0` }],
    load: async () => (await import("./change.ts")).reviseRequest,
  },
  {
    name: "approvals reassign",
    what: "give a place in the active stage to somebody else",
    args: [id],
    options: [
      { name: "to", value: "PERSON", what: "key or login of the person who takes it; required" },
      { name: "from", value: "PERSON", what: "key or login of the person whose place it is; you by default" },
      requirement,
      reason,
      ...callOptions,
    ],
    examples: [
      { what: "your own place", run: `muster approvals reassign ${sample} --to dan@example.org --reason "on leave"` },
      { what: "somebody else's, as an admin", run: `muster approvals reassign ${sample} --from bob@example.org --to dan@example.org` },
    ],
    load: async () => (await import("./change.ts")).reassignPlace,
  },
  {
    name: "approvals close",
    what: "end a request, or revoke what an approved one grants",
    more: ["Exactly one of --withdraw, --cancel and --revoke is needed."],
    args: [id],
    options: [
      { name: "withdraw", what: "take an open request back, as whoever opened it" },
      { name: "cancel", what: "end an open request, as an admin" },
      { name: "revoke", what: "revoke what an approved request grants, unless its effect has begun; of a registration at any time" },
      { name: "evict", what: "with --revoke, as an admin: also unregister the instances that it let in" },
      reason,
      ...callOptions,
    ],
    examples: [
      { what: "it is not wanted any more", run: `muster approvals close ${sample} --withdraw --reason "the build is broken"` },
      { what: "what serves because of it must not serve any more", run: `muster approvals close ${sample} --revoke --evict --reason "a leak was found"` },
      { what: "what was approved must not happen", run: `muster approvals close ${sample} --revoke --reason "a leak was found"` },
    ],
    load: async () => (await import("./change.ts")).closeRequest,
  },
  {
    name: "approvals watch",
    what: "show the events of a request as they come",
    more: [
      "From the first event on, or after --after. After a broken connection it resumes",
      "after the last event seen. Ends at Ctrl-C or after --timeout, with exit code 0;",
      "with --until-decided at the decision, and the exit code says how it ended:",
      "0 approved, 9 rejected, 10 expired or cancelled, 8 not decided within --timeout.",
    ],
    args: [id],
    options: [
      { name: "after", value: "N", what: "only events after this sequence" },
      { name: "until-decided", what: "end when the request is decided" },
      ...callOptions,
    ],
    examples: [
      { what: "in a build", run: `muster approvals watch ${sample} --until-decided --timeout 2h` },
      { what: "one line of JSON per event, after the last one seen", run: `muster approvals watch ${sample} --after 4 -o json` },
    ],
    load: async () => (await import("./watch.ts")).watchRequest,
  },
];
