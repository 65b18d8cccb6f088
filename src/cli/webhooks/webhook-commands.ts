/** The rows of the table about webhooks. */
import type { Command, Option } from "../frame/command.ts";
import { callOptions } from "../frame/options.ts";

const sample = "01a2011e-a4a0-7005-a6a4-f539b87dd561";
const endpoint = { name: "ID", what: "id of the endpoint, as `webhooks list` shows it" };
const delivery = { name: "ID", what: "id of the delivery, as `webhooks deliveries` shows it" };
const type: Option = { name: "type", value: "TYPE", many: true, what: "only events of this type, such as request_approved" };
const subject: Option = { name: "subject", value: "TYPE[/ID]", many: true, what: "only requests about these subjects; an ID may end in *" };
const secret: Option = { name: "secret", value: "ID", what: "sign with this secret" };
const description: Option = { name: "description", value: "TEXT", what: "a note for people" };
const request: Option = { name: "request", value: "ID", what: "only of this request for approval" };

export const webhookCommands: readonly Command[] = [
  {
    name: "webhooks add",
    what: "add an endpoint that is sent what happens to requests for approval",
    more: ["Its secret is shown now and never again, unless it has an existing one."],
    args: [{ name: "URL", what: "where to: https, or http on loopback" }],
    options: [type, subject, secret, description, ...callOptions],
    examples: [
      { what: "everything", run: "muster webhooks add https://ci.example/hook" },
      { what: "how releases end", run: "muster webhooks add https://ci.example/hook --type request_approved --type request_rejected --subject release" },
    ],
    load: async () => (await import("./endpoints.ts")).addEndpoint,
  },
  {
    name: "webhooks list",
    what: "list the endpoints, newest first",
    args: [],
    options: [
      { ...request, what: "the callbacks of this request instead" },
      { name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" },
      ...callOptions,
    ],
    examples: [{ what: "all of the tenant", run: "muster webhooks list" }],
    load: async () => (await import("./endpoints.ts")).listEndpoints,
  },
  {
    name: "webhooks show",
    what: "show an endpoint",
    args: [endpoint],
    options: callOptions,
    examples: [{ what: "one", run: `muster webhooks show ${sample}` }],
    load: async () => (await import("./endpoints.ts")).showEndpoint,
  },
  {
    name: "webhooks update",
    what: "change an endpoint; what is not given stays",
    more: ["Of --type and --subject, all are replaced when one is given."],
    args: [endpoint],
    options: [
      { name: "url", value: "URL", what: "where to" },
      type,
      subject,
      { name: "everything", what: "events of all types and subjects" },
      secret,
      description,
      { name: "enable", what: "send again; what happened meanwhile is sent by `webhooks replay`" },
      { name: "disable", what: "send nothing any more" },
      ...callOptions,
    ],
    examples: [
      { what: "after it was repaired", run: `muster webhooks update ${sample} --enable` },
      { what: "to another place", run: `muster webhooks update ${sample} --url https://ci.example/other` },
    ],
    load: async () => (await import("./endpoints.ts")).updateEndpoint,
  },
  {
    name: "webhooks delete",
    what: "end an endpoint; what waits for it is not sent",
    args: [endpoint],
    options: callOptions,
    examples: [{ what: "it is not needed any more", run: `muster webhooks delete ${sample}` }],
    load: async () => (await import("./endpoints.ts")).deleteEndpoint,
  },
  {
    name: "webhooks test",
    what: "send a test event to an endpoint, and show what it answers",
    more: ["The exit code is 1 when it was not delivered."],
    args: [endpoint],
    options: callOptions,
    examples: [{ what: "before it is relied on", run: `muster webhooks test ${sample}` }],
    load: async () => (await import("./deliveries.ts")).testEndpoint,
  },
  {
    name: "webhooks replay",
    what: "send an endpoint everything since a time again",
    more: ["Each request's events in order, with the same ids, as far as the log goes back."],
    args: [endpoint],
    options: [{ name: "since", value: "WHEN", what: "how long ago, such as 2h, or a time such as 2026-01-31T18:00:00Z; required" }, ...callOptions],
    examples: [{ what: "after an outage of two hours", run: `muster webhooks replay ${sample} --since 2h` }],
    load: async () => (await import("./deliveries.ts")).replay,
  },
  {
    name: "webhooks deliveries",
    what: "list what was sent, or waits, newest first",
    args: [],
    options: [
      { name: "endpoint", value: "ID", what: "only to this endpoint" },
      request,
      { name: "state", value: "STATE", choices: ["pending", "delivered", "given-up"], what: "only in this state" },
      { name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" },
      ...callOptions,
    ],
    examples: [
      { what: "what needs attention", run: "muster webhooks deliveries --state given-up" },
      { what: "what waits for one endpoint", run: `muster webhooks deliveries --endpoint ${sample} --state pending` },
    ],
    load: async () => (await import("./deliveries.ts")).listDeliveries,
  },
  {
    name: "webhooks delivery",
    what: "show a delivery: its body, and each attempt with its answer",
    args: [delivery],
    options: callOptions,
    examples: [{ what: "why it failed", run: `muster webhooks delivery ${sample}` }],
    load: async () => (await import("./deliveries.ts")).showDelivery,
  },
  {
    name: "webhooks redeliver",
    what: "send a delivery once more, now, with the same id and body",
    more: ["The exit code is 1 when it was not delivered."],
    args: [delivery],
    options: callOptions,
    examples: [{ what: "one that was given up", run: `muster webhooks redeliver ${sample}` }],
    load: async () => (await import("./deliveries.ts")).redeliver,
  },
  {
    name: "webhooks secrets",
    what: "list the secrets, without their values",
    args: [],
    options: [{ name: "limit", value: "N", what: "maximum number; 50 by default, 0 for all" }, ...callOptions],
    examples: [{ what: "all of the tenant", run: "muster webhooks secrets" }],
    load: async () => (await import("./secrets.ts")).listSecrets,
  },
  {
    name: "webhooks new-secret",
    what: "make a secret for callbacks of requests, or for several endpoints",
    more: ["Its value is shown now and never again, unless it was brought."],
    args: [],
    options: [description, { name: "value-from", value: "FILE", what: "take the value in this file, - for stdin, instead of a new one" }, ...callOptions],
    examples: [
      { what: "for the callbacks of a build", run: "muster webhooks new-secret --description ci" },
      { what: "the one that a receiver has already", run: "muster webhooks new-secret --value-from hook.secret" },
    ],
    load: async () => (await import("./secrets.ts")).newSecret,
  },
  {
    name: "webhooks rotate",
    what: "give a secret a new value; the former one signs, too, for some time",
    more: ["The new value is shown now and never again."],
    args: [{ name: "SECRET_ID", what: "id of the secret, as `webhooks secrets` shows it" }],
    options: [{ name: "former-for", value: "DURATION", what: "how long the former value signs; 1d by default, at most 30d" }, ...callOptions],
    examples: [
      { what: "receivers have a week to change it", run: `muster webhooks rotate ${sample} --former-for 7d` },
      { what: "the former one has leaked", run: `muster webhooks rotate ${sample} --former-for 0s` },
    ],
    load: async () => (await import("./secrets.ts")).rotateSecret,
  },
  {
    name: "webhooks delete-secret",
    what: "delete a secret that nothing is signed by any more",
    more: ["It is refused while an endpoint has it, or a callback of an undecided request."],
    args: [{ name: "SECRET_ID", what: "id of the secret, as `webhooks secrets` shows it" }],
    options: callOptions,
    examples: [{ what: "its endpoint was deleted before", run: `muster webhooks delete-secret ${sample}` }],
    load: async () => (await import("./secrets.ts")).deleteSecret,
  },
];
