/** The commands of `muster`, as one table. `serve` is the process itself and lives in main.ts. */
import { approvalCommands } from "./approvals/approval-commands.ts";
import { policyCommands } from "./approvals/policy-commands.ts";
import { standInCommands } from "./approvals/stand-in-commands.ts";
import { auditCommands } from "./audit/audit-commands.ts";
import { eventCommands } from "./events/event-commands.ts";
import type { Command } from "./frame/command.ts";
import { callOptions, connectionOptions, outputOption, watchOption } from "./frame/options.ts";
import { discoveryCommands } from "./registration/discovery-commands.ts";
import { nameCommands } from "./registration/name-commands.ts";
import { inboundCommands } from "./inbound/inbound-commands.ts";
import { webhookCommands } from "./webhooks/webhook-commands.ts";
import { registerOptions } from "./registration/register-options.ts";

export const commands: readonly Command[] = [
  {
    name: "serve",
    what: "run the server",
    more: ["Configured by environment variables: docs/operations.md lists them,", "`muster config` shows the result, `muster doctor` checks whether it works."],
    args: [],
    options: [],
    examples: [
      { what: "embedded everything, state in ./.muster", run: "muster serve" },
      { what: "on another port", run: "MUSTER_LISTEN=127.0.0.1:8430 muster serve" },
    ],
    load: "serve",
  },
  {
    name: "register",
    what: "register an instance and follow it step by step",
    more: [
      "On a terminal the steps appear as they happen; elsewhere each event is a line of",
      "JSON, unless -o is given. Ctrl-C before CONSUL_REGISTERED cancels the",
      "attempt; after that it runs to its end, and `muster attempts show` follows it.",
      "Where a policy requires an approval the end is that the instance waits, with",
      "exit code 8; it goes live by itself when it is approved. --wait-for-approval",
      "stays until then, and ends with the registration, or with 9 rejected, 10 expired",
      "or cancelled, 8 not decided within --timeout. Ctrl-C leaves it waiting.",
    ],
    args: [
      { name: "NAME", what: "name of the service or module; not needed with --file", optional: true },
      { name: "HOST:PORT", what: "its advertised host and port", optional: true },
    ],
    options: [...registerOptions, ...callOptions],
    examples: [
      { what: "a module in version 1.0.0", run: "muster register echo 127.0.0.1:9000 --type module --version 1.0.0" },
      {
        what: "a service with another address for its checks",
        run: "muster register search search.example:443 --type service --instance-tls --check-at 10.0.0.7:8443",
      },
      {
        what: "wait for the approval for at most an hour",
        run: "muster register echo 127.0.0.1:9000 -t module --version 1.0.0 --wait-for-approval --timeout 1h",
      },
      { what: "only validate the request", run: "muster register echo 127.0.0.1:9000 --type module --version 1.0.0 --dry-run" },
      { what: "a RegisterRequest as YAML or JSON, from a file or stdin", run: "muster register --file echo.yaml" },
    ],
    load: async () => (await import("./registration/register.ts")).registerCommand,
  },
  {
    name: "unregister",
    what: "unregister an instance",
    more: ["Safe to repeat. A running attempt for the same instance is cancelled."],
    args: [
      { name: "NAME", what: "name of the service or module" },
      { name: "HOST:PORT", what: "its advertised host and port" },
    ],
    options: [...callOptions],
    examples: [{ what: "by name and address", run: "muster unregister echo 127.0.0.1:9000" }],
    load: async () => (await import("./registration/unregister.ts")).unregisterCommand,
  },
  ...discoveryCommands,
  {
    name: "attempts list",
    what: "list registration attempts, newest first",
    args: [],
    options: [
      { name: "name", value: "NAME", what: "only of this service or module" },
      { name: "service-id", value: "ID", what: "only of this instance" },
      { name: "state", value: "STATE", many: true, choices: ["running", "unwinding", "completed", "rolled-back", "stuck"], what: "only in this state" },
      { name: "since", value: "DURATION", what: "only those of the last 30s, 10m, 2h, 7d" },
      { name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" },
      watchOption,
      ...callOptions,
    ],
    examples: [
      { what: "attempts that need attention", run: "muster attempts list --state stuck --state unwinding" },
      { what: "one module's attempts of the last hour", run: "muster attempts list --name echo --since 1h" },
    ],
    load: async () => (await import("./registration/attempts.ts")).listAttempts,
  },
  {
    name: "attempts show",
    what: "show an attempt with all its events",
    more: ["With --watch it continues until the attempt has ended; after a broken connection", "it resumes after the last event seen."],
    args: [{ name: "ATTEMPT_ID", what: "id of the attempt, as `attempts list` shows it" }],
    options: [watchOption, ...callOptions],
    examples: [
      { what: "what happened", run: "muster attempts show 01a2011e-a4a0-7005-a6a4-f539b87dd561" },
      { what: "follow it to its end", run: "muster attempts show 01a2011e-a4a0-7005-a6a4-f539b87dd561 --watch" },
    ],
    load: async () => (await import("./registration/attempt-events.ts")).showAttempt,
  },
  {
    name: "attempts cancel",
    what: "stop and undo an attempt",
    args: [{ name: "ATTEMPT_ID", what: "id of the attempt" }],
    options: [{ name: "reason", value: "TEXT", what: "why, for the record" }, ...callOptions],
    examples: [{ what: "with a reason", run: 'muster attempts cancel 01a2011e-a4a0-7005-a6a4-f539b87dd561 --reason "wrong port"' }],
    load: async () => (await import("./registration/attempts.ts")).cancelAttempt,
  },
  ...nameCommands,
  ...approvalCommands,
  ...standInCommands,
  ...policyCommands,
  ...webhookCommands,
  ...inboundCommands,
  ...eventCommands,
  ...auditCommands,
  {
    name: "token",
    what: "create a token for a caller, and its entry for the token file",
    args: [],
    options: [
      { name: "principal", value: "NAME", what: "principal of the caller" },
      { name: "role", value: "ROLE", many: true, what: "role of the caller: viewer, registrar, approver, operator, admin, or one that policies name" },
      { name: "group", value: "GROUP", many: true, what: "group of the caller, for policies" },
      { name: "tenant", value: "TENANT", what: "tenant of the caller (default: default)" },
    ],
    examples: [{ what: "for a build that registers instances", run: "muster token --principal ci --role registrar" }],
    load: async () => (await import("./token.ts")).tokenCommand,
  },
  {
    name: "config",
    what: "show the configuration in effect, secrets masked",
    more: ["Errors in it are listed too; the exit code is 1 then."],
    args: [],
    options: [outputOption],
    examples: [{ what: "the configuration of this environment", run: "muster config" }],
    load: async () => (await import("./config.ts")).configCommand,
  },
  {
    name: "asyncapi",
    what: "describe the events as an AsyncAPI document",
    more: ["In the format and on the topics that the MUSTER_EVENTS_* variables name."],
    args: [],
    options: [],
    examples: [{ what: "events as JSON", run: "MUSTER_EVENTS=kafka://k:9092 MUSTER_EVENTS_FORMAT=json muster asyncapi" }],
    load: async () => (await import("./asyncapi.ts")).asyncApiCommand,
  },
  {
    name: "doctor",
    what: "check everything a server needs, and suggest fixes",
    more: [
      "It reads the server's configuration from the environment and needs no running",
      "server: configuration, files, port, store, catalog, schema registry, brokers,",
      "their versions, clocks and permissions; then the server at --address, if one",
      "runs. Nothing is changed. The exit code is 1 when a problem is found.",
    ],
    args: [],
    options: callOptions,
    examples: [
      { what: "before the first start, or when it does not start", run: "muster doctor" },
      { what: "the fixes, for a script", run: "muster doctor -o json | jq -r '.findings[] | select(.state == \"bad\") | .todo'" },
    ],
    load: async () => (await import("./doctor/doctor.ts")).doctorCommand,
  },
  {
    name: "status",
    what: "show whether a running server is ready, and what it lacks",
    more: [
      "Below that, how the sources of decisions from outside are read, for admins. The",
      "exit code is 7 when the server is not ready or does not answer.",
    ],
    args: [],
    options: callOptions,
    examples: [
      { what: "the server of this machine", run: "muster status" },
      { what: "what it needs, for a script", run: "muster status -o json | jq .dependencies" },
    ],
    load: async () => (await import("./status.ts")).statusCommand,
  },
  {
    name: "demo",
    what: "show in 20 seconds what registers, what fails, and what people decide",
    more: [
      "With modules of its own: one that is healthy; one that never is; one whose new",
      "version breaks its users and waits until somebody approves. Without --server it",
      "has a server of its own, which is gone afterwards. On a running server it needs",
      "an admin, activates a policy `registration` for its own module alone, and stops",
      "when there is one; what it registered and activated is removed at its end and at",
      "Ctrl-C.",
    ],
    args: [],
    options: [
      { name: "wait", what: "leave the decision to you, in another terminal" },
      { name: "server", what: "use the running server instead of one of its own" },
      { name: "host", value: "HOST", what: "address of this machine for that server: 127.0.0.1 by default" },
      { name: "approvers", value: "GROUP", what: "group whose members approve; demo-approvers by default" },
      ...connectionOptions.filter(({ name }) => !/^(as|timeout)/.test(name)),
    ],
    examples: [
      { what: "watch", run: "muster demo" },
      { what: "approve it yourself", run: "muster demo --wait" },
      { what: "on a running server", run: "muster demo --server" },
    ],
    load: async () => (await import("./demo/demo.ts")).demoOf(commands),
  },
  {
    name: "completion",
    what: "print a completion script for a shell",
    args: [{ name: "SHELL", what: "which shell", choices: ["bash", "zsh", "fish"] }],
    options: [],
    examples: [
      { what: "bash, for this session", run: 'eval "$(muster completion bash)"' },
      { what: "zsh, permanently", run: "muster completion zsh > ~/.zfunc/_muster" },
      { what: "fish, permanently", run: "muster completion fish > ~/.config/fish/completions/muster.fish" },
    ],
    load: async () => (await import("./completion.ts")).completionOf(commands),
  },
];
