/** What endpoints were sent; and sending it again. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ReplaySinceResponseSchema,
  WebhookDeliverySchema,
  WebhookDeliveryState,
  type WebhookDelivery,
} from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { limitOf } from "../frame/numbers.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import type { Terminal } from "../frame/terminal.ts";
import { timeOf } from "../frame/times.ts";
import { deliveryDetails, deliveryTable, widthOf } from "./webhook-view.ts";

const pageSize = 500;
const defaultLimit = 50;
/** The server answers after five seconds at most. */
const sendMs = 15_000;
const states: Readonly<Record<string, WebhookDeliveryState>> = {
  pending: WebhookDeliveryState.PENDING,
  delivered: WebhookDeliveryState.DELIVERED,
  "given-up": WebhookDeliveryState.GIVEN_UP,
};

export const listDeliveries: Run = async (input, terminal) => {
  const limit = limitOf(input, defaultLimit);
  const filter = {
    endpointId: input.text("endpoint") ?? "",
    approvalId: input.text("request") ?? "",
    state: states[input.text("state") ?? ""] ?? WebhookDeliveryState.UNSPECIFIED,
  };
  const { webhooks, once } = connect(input, terminal);
  const found: WebhookDelivery[] = [];
  let pageToken = "";
  do {
    const page = await webhooks.listWebhookDeliveries({ ...filter, pageToken, pageSize: Math.min(pageSize, limit - found.length) }, once());
    found.push(...page.deliveries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  await show(input, terminal, { deliveries: found.map((delivery) => jsonOf(WebhookDeliverySchema, delivery)) }, () =>
    found.length === 0 ? "No deliveries.\n" : deliveryTable(found, terminal.clock.now(), styleFor(terminal.colour.out), widthOf(terminal)),
  );
  return exitCodes.done.code;
};

export const showDelivery: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  const { delivery } = await webhooks.getWebhookDelivery({ id }, once());
  await showOne(input, terminal, delivery);
  return exitCodes.done.code;
};

export const redeliver: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  const { delivery } = await webhooks.redeliver({ id }, once(sendMs));
  return sent(input, terminal, delivery);
};

export const testEndpoint: Run = async (input, terminal) => {
  const [endpointId = ""] = input.args;
  const { webhooks, once } = connect(input, terminal);
  const { delivery } = await webhooks.sendTest({ endpointId }, once(sendMs));
  return sent(input, terminal, delivery);
};

export const replay: Run = async (input, terminal) => {
  const [endpointId = ""] = input.args;
  const text = input.text("since");
  if (text === undefined) throw new UsageError(["--since is missing: how long ago, such as 2h, or a time such as 2026-01-31T18:00:00Z"]);
  const since = timestampFromMs(timeOf("since", text, terminal.clock.now(), "ago"));
  const { webhooks, once } = connect(input, terminal);
  const answer = await webhooks.replaySince({ endpointId, since }, once());
  await show(input, terminal, jsonOf(ReplaySinceResponseSchema, answer), () => {
    const { good, warn } = styleFor(terminal.colour.out);
    return answer.incomplete ? `${warn("!")} begun; events since then that the log does not have any more are not sent\n` : `${good("✓")} begun\n`;
  });
  return exitCodes.done.code;
};

async function sent(input: Input, terminal: Terminal, delivery: WebhookDelivery | undefined): Promise<number> {
  await showOne(input, terminal, delivery);
  const last = delivery?.attempts.at(-1);
  return last?.status !== undefined && last.status >= 200 && last.status < 300 ? exitCodes.done.code : exitCodes.failed.code;
}

async function showOne(input: Input, terminal: Terminal, delivery: WebhookDelivery | undefined): Promise<void> {
  if (delivery) await show(input, terminal, jsonOf(WebhookDeliverySchema, delivery), () => deliveryDetails(delivery, styleFor(terminal.colour.out)));
}
