/** The rows of the table about the audit. */
import type { Command } from "../frame/command.ts";
import { callOptions, outputOption } from "../frame/options.ts";

/** Those of every server; a test holds them against what a server says. */
export const auditKinds: readonly string[] = ["instance", "name", "approval", "policy", "stand-in", "webhook-endpoint", "webhook-secret", "inbound-events"];

export const auditCommands: readonly Command[] = [
  {
    name: "audit export",
    what: "print the audit of a subject: who did what, each row with the hash of the one before",
    more: [
      "A table on a terminal; elsewhere, unless -o is given, each row is a line of",
      "JSON, as `audit verify` reads it. Keep the hash of the last row, the head,",
      "elsewhere: only it shows that no row was cut off.",
    ],
    args: [
      { name: "KIND", what: "kind of the subject", choices: auditKinds },
      { name: "ID", what: "its id; of an instance the service id, of a name the name, of a policy the key, of inbound-events the tenant" },
    ],
    options: callOptions,
    examples: [
      { what: "who decided what", run: "muster audit export approval 01a2011e-a4a0-7005-a6a4-f539b87dd561" },
      { what: "into a file, to be verified later", run: "muster audit export policy release > release.audit" },
    ],
    load: async () => (await import("./export.ts")).auditExport,
  },
  {
    name: "audit verify",
    what: "check that an exported audit is as it was written, without a server",
    more: [
      "Names the first row that was edited, is missing or was cut off; the exit code is",
      "1 then. Without --head rows cut off at the end, or a whole chain written anew,",
      "do not show.",
    ],
    args: [{ name: "FILE", what: "what `audit export -o json` printed; stdin by default", optional: true }],
    options: [{ name: "head", value: "HASH", what: "the hash of a row that must be in it: the last one of an earlier export" }, outputOption],
    examples: [
      {
        what: "a file, with the head that was kept",
        run: "muster audit verify release.audit --head 90a3ed9e32b2aaf4c61c410eb925426119e1a9dc53d4286ade99a809b3d9ef13",
      },
      { what: "a file alone", run: "muster audit verify release.audit" },
    ],
    load: async () => (await import("./verify.ts")).auditVerify,
  },
];
