/** Endpoints that are sent what happens to requests for approval. */
import { printable } from "../../kernel/log.ts";
import { CreateWebhookEndpointResponseSchema, WebhookEndpointSchema, type WebhookEndpoint } from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { limitOf } from "../frame/numbers.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import type { Terminal } from "../frame/terminal.ts";
import { endpointDetails, endpointTable, widthOf } from "./webhook-view.ts";

const pageSize = 500;
const defaultLimit = 50;

export const addEndpoint: Run = async (input, terminal) => {
  const [url = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  const described = { secretId: input.text("secret") ?? "", description: input.text("description") ?? "" };
  const answer = await webhooks.createWebhookEndpoint({ url, ...filterOf(input), ...described }, once());
  await show(input, terminal, jsonOf(CreateWebhookEndpointResponseSchema, answer), () => {
    const secret = answer.secret === "" ? "" : `\nIts secret, which is not shown again:\n${printable(answer.secret)}\n`;
    return `${detailsOf(answer.endpoint, terminal)}${secret}`;
  });
  return exitCodes.done.code;
};

export const listEndpoints: Run = async (input, terminal) => {
  const limit = limitOf(input, defaultLimit);
  const approvalId = input.text("request") ?? "";
  const { webhooks, once } = connect(input, terminal);
  const found: WebhookEndpoint[] = [];
  let pageToken = "";
  do {
    const page = await webhooks.listWebhookEndpoints({ approvalId, pageToken, pageSize: Math.min(pageSize, limit - found.length) }, once());
    found.push(...page.endpoints);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  await show(input, terminal, { endpoints: found.map((endpoint) => jsonOf(WebhookEndpointSchema, endpoint)) }, () =>
    found.length === 0 ? "No endpoints.\n" : endpointTable(found, styleFor(terminal.colour.out), widthOf(terminal)),
  );
  return exitCodes.done.code;
};

export const showEndpoint: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  await showOne(input, terminal, (await webhooks.getWebhookEndpoint({ id }, once())).endpoint);
  return exitCodes.done.code;
};

export const updateEndpoint: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const filter = filterOf(input);
  const isFiltered = filter.types.length > 0 || filter.subjects.length > 0;
  const [enables, disables, all] = [input.on("enable"), input.on("disable"), input.on("everything")];
  if (enables && disables) throw new UsageError(["--enable and --disable cannot both be given"]);
  if (all && isFiltered) throw new UsageError(["--everything cannot be given with --type or --subject"]);
  const given = { url: input.text("url"), secretId: input.text("secret"), description: input.text("description") };
  const change = {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(isFiltered || all ? { filter } : {}),
    ...(enables || disables ? { enabled: enables } : {}),
  };
  if (Object.keys(change).length === 0)
    throw new UsageError(["nothing is to be changed: give --url, --type, --subject, --everything, --secret, --description, --enable or --disable"]);
  const { webhooks, once } = connect(input, terminal);
  await showOne(input, terminal, (await webhooks.updateWebhookEndpoint({ id, ...change }, once())).endpoint);
  return exitCodes.done.code;
};

export const deleteEndpoint: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  await webhooks.deleteWebhookEndpoint({ id }, once());
  await show(input, terminal, {}, () => `${styleFor(terminal.colour.out).good("✓")} deleted\n`);
  return exitCodes.done.code;
};

function filterOf(input: Input) {
  return { types: [...input.texts("type")], subjects: [...input.texts("subject")] };
}

async function showOne(input: Input, terminal: Terminal, endpoint: WebhookEndpoint | undefined): Promise<void> {
  if (endpoint) await show(input, terminal, jsonOf(WebhookEndpointSchema, endpoint), () => detailsOf(endpoint, terminal));
}

function detailsOf(endpoint: WebhookEndpoint | undefined, terminal: Terminal): string {
  return endpoint ? endpointDetails(endpoint, styleFor(terminal.colour.out)) : "";
}
