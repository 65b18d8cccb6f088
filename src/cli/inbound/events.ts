/** What outside systems delivered; trying it again. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  InboundCountSchema,
  InboundEventSchema,
  InboundStatus,
  PruneInboundEventsResponseSchema,
  type InboundCount,
  type InboundEvent,
} from "../../../gen/muster/approval/v1/inbound_service_pb.ts";
import type { Input, Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { limitOf } from "../frame/numbers.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import type { Terminal } from "../frame/terminal.ts";
import { durationMs } from "../frame/times.ts";
import { countText, eventDetails, eventTable } from "./inbound-view.ts";

const pageSize = 500;
const defaultLimit = 50;
const statuses: Readonly<Record<string, InboundStatus>> = {
  succeeded: InboundStatus.SUCCEEDED,
  skipped: InboundStatus.SKIPPED,
  failed: InboundStatus.FAILED,
  parked: InboundStatus.PARKED,
};

export const listEvents: Run = async (input, terminal) => {
  const limit = limitOf(input, defaultLimit);
  const filter = { source: input.text("source") ?? "", status: statuses[input.text("status") ?? ""] ?? InboundStatus.UNSPECIFIED };
  const { inbound, once } = connect(input, terminal);
  const found: InboundEvent[] = [];
  const counts: InboundCount[] = [];
  let pageToken = "";
  do {
    const page = await inbound.listInboundEvents({ ...filter, pageToken, pageSize: Math.min(pageSize, limit - found.length) }, once());
    found.push(...page.events);
    counts.push(...page.counts);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && found.length < limit);
  const json = { events: found.map((event) => jsonOf(InboundEventSchema, event)), counts: counts.map((one) => jsonOf(InboundCountSchema, one)) };
  await show(input, terminal, json, () => {
    const columns = terminal.isInteractive ? terminal.size().columns : undefined;
    const style = styleFor(terminal.colour.out);
    return found.length === 0
      ? `No events.\n${countText(counts, style)}`
      : `${eventTable(found, terminal.clock.now(), style, columns)}${countText(counts, style)}`;
  });
  return exitCodes.done.code;
};

export const showEvent: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { inbound, once } = connect(input, terminal);
  const { event } = await inbound.getInboundEvent({ id }, once());
  await showOne(input, terminal, event);
  return exitCodes.done.code;
};

export const retryEvent: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { inbound, once } = connect(input, terminal);
  const { event } = await inbound.retryInboundEvent({ id }, once());
  await showOne(input, terminal, event);
  const isFailed = event?.status === InboundStatus.FAILED || event?.status === InboundStatus.PARKED;
  return isFailed ? exitCodes.failed.code : exitCodes.done.code;
};

export const pruneEvents: Run = async (input, terminal) => {
  const olderThan = durationFromMs(durationMs("older-than", input.text("older-than") ?? "30d"));
  const { inbound, once } = connect(input, terminal);
  const answer = await inbound.pruneInboundEvents({ olderThan }, once());
  await show(input, terminal, jsonOf(PruneInboundEventsResponseSchema, answer), () => `${answer.deleted} deleted\n`);
  return exitCodes.done.code;
};

async function showOne(input: Input, terminal: Terminal, event: InboundEvent | undefined): Promise<void> {
  if (event) await show(input, terminal, jsonOf(InboundEventSchema, event), () => eventDetails(event, styleFor(terminal.colour.out)));
}
