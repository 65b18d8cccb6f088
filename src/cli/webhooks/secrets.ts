/** Secrets that sign webhooks. A value is shown by the command that makes it. */
import { printable } from "../../kernel/log.ts";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  CreateWebhookSecretResponseSchema,
  RotateWebhookSecretResponseSchema,
  WebhookSecretSchema,
  type WebhookSecret,
} from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { limitOf } from "../frame/numbers.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import type { Terminal } from "../frame/terminal.ts";
import { durationMs } from "../frame/times.ts";
import { secretTable, widthOf } from "./webhook-view.ts";

const pageSize = 500;
const defaultLimit = 50;

export const newSecret: Run = async (input, terminal) => {
  const value = valueOf(input, terminal);
  const { webhooks, once } = connect(input, terminal);
  const answer = await webhooks.createWebhookSecret({ description: input.text("description") ?? "", value }, once());
  await show(input, terminal, jsonOf(CreateWebhookSecretResponseSchema, answer), () => madeText(answer.secret, answer.value, terminal));
  return exitCodes.done.code;
};

export const rotateSecret: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const formerFor = input.text("former-for");
  const { webhooks, once } = connect(input, terminal);
  const request = { id, ...(formerFor === undefined ? {} : { formerFor: durationFromMs(durationMs("former-for", formerFor)) }) };
  const answer = await webhooks.rotateWebhookSecret(request, once());
  await show(input, terminal, jsonOf(RotateWebhookSecretResponseSchema, answer), () => madeText(answer.secret, answer.value, terminal));
  return exitCodes.done.code;
};

export const deleteSecret: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  await webhooks.deleteWebhookSecret({ id }, once());
  await show(input, terminal, {}, () => `${styleFor(terminal.colour.out).good("✓")} deleted\n`);
  return exitCodes.done.code;
};

export const listSecrets: Run = async (input, terminal) => {
  const limit = limitOf(input, defaultLimit);
  const { webhooks, once } = connect(input, terminal);
  const found: WebhookSecret[] = [];
  let pageToken = "";
  do {
    const page = await webhooks.listWebhookSecrets({ pageToken, pageSize: Math.min(pageSize, limit - found.length) }, once());
    found.push(...page.secrets);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  await show(input, terminal, { secrets: found.map((secret) => jsonOf(WebhookSecretSchema, secret)) }, () =>
    found.length === 0 ? "No secrets.\n" : tableOf(found, terminal),
  );
  return exitCodes.done.code;
};

function tableOf(secrets: readonly WebhookSecret[], terminal: Terminal): string {
  return secretTable(secrets, terminal.clock.now(), styleFor(terminal.colour.out), widthOf(terminal));
}

function madeText(secret: WebhookSecret | undefined, value: string, terminal: Terminal): string {
  return `${secret ? tableOf([secret], terminal) : ""}${value === "" ? "" : `\nIts value, which is not shown again:\n${printable(value)}\n`}`;
}

/** From a file, since others can see a command line. The end of its line is not part of it. */
function valueOf(input: Input, terminal: Terminal): string {
  const file = input.text("value-from");
  if (file === undefined) return "";
  const value = fileText("--value-from", file, terminal).replace(/\r?\n$/, "");
  if (value === "") throw new UsageError([`--value-from: the file ${file} is empty`]);
  return value;
}
