/** Exit codes by name, with what `muster --help` and docs/cli.md say of them. */
export const exitCodes = {
  done: { code: 0, what: "done; also a watch ended by Ctrl-C, or a reader that has enough (`| head`)" },
  failed: { code: 1, what: "failed for a reason that is not below; `doctor` and `config` found something wrong" },
  usage: { code: 2, what: "wrong command, option or value, found here or by the server (INVALID_ARGUMENT)" },
  rolledBack: { code: 3, what: "the registration ended FAILED and was undone" },
  denied: { code: 4, what: "no valid token, or not allowed" },
  notFound: { code: 5, what: "there is no such instance, attempt, schema or version" },
  conflict: { code: 6, what: "the state of things forbids it: already exists, in flight, already ended" },
  unreachable: { code: 7, what: "the server or a system behind it cannot be reached, or did not answer in time" },
  pending: { code: 8, what: "the registration waits for an approval" },
  interrupted: { code: 130, what: "ended by Ctrl-C before it was done" },
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]["code"];
