/** Exit codes by name, with their texts in `muster --help` and docs/cli.md. */
export const exitCodes = {
  done: { code: 0, what: "success; also a watch ended by Ctrl-C, or a closed stdout (`| head`)" },
  failed: {
    code: 1,
    what: "failed for a reason not listed below; `doctor`, `config`, `policy lint` or `audit verify` found a problem; `webhooks test` or `redeliver` did not deliver; `inbound retry` failed again",
  },
  usage: { code: 2, what: "wrong command, option or value, found here or by the server (INVALID_ARGUMENT)" },
  rolledBack: { code: 3, what: "the registration ended FAILED and was undone" },
  denied: { code: 4, what: "no valid token, or not allowed" },
  notFound: {
    code: 5,
    what: "there is no such instance, attempt, schema, policy, version, name, request for approval, stand-in, endpoint, secret or delivery of webhooks, or event from outside",
  },
  conflict: { code: 6, what: "conflict with the current state: already exists, in flight, already ended" },
  unreachable: { code: 7, what: "the server or one of its dependencies is unreachable, or did not answer in time" },
  pending: { code: 8, what: "the registration waits for an approval; the request for approval is not decided yet" },
  rejected: { code: 9, what: "the request for approval, or the registration that needed one, was rejected" },
  undecided: { code: 10, what: "the request for approval ended without a decision: it expired or was cancelled" },
  interrupted: { code: 130, what: "interrupted by Ctrl-C" },
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]["code"];
