/** Events from outside as tables and details. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { InboundStatus, type InboundCount, type InboundEvent } from "../../../gen/muster/approval/v1/inbound_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import type { Style } from "../frame/style.ts";
import { pairs, table, type Cell } from "../frame/table.ts";
import { age } from "../frame/times.ts";

const names: Readonly<Record<number, string>> = {
  [InboundStatus.SUCCEEDED]: "succeeded",
  [InboundStatus.SKIPPED]: "skipped",
  [InboundStatus.FAILED]: "failed",
  [InboundStatus.PARKED]: "parked",
};

function statusCell(status: InboundStatus, { good, bad, warn, dim }: Style): Cell {
  const paint = status === InboundStatus.SUCCEEDED ? good : status === InboundStatus.PARKED ? bad : status === InboundStatus.SKIPPED ? dim : warn;
  return { text: names[status] ?? "unknown", paint };
}

export function eventTable(events: readonly InboundEvent[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["EVENT", "STATUS", "SOURCE", "TYPE", "TRIES", "AGE", "WHY"],
    rows: events.map(({ id, status, source, eventType, tries, receivedAt, reason }) => [
      id,
      statusCell(status, style),
      source,
      eventType,
      `${tries}`,
      age(receivedAt && timestampMs(receivedAt), nowMs),
      reason || "-",
    ]),
    bold: style.bold,
    narrow: { drop: ["TRIES", "AGE", "TYPE"], shorten: "WHY" },
    ...(columns === undefined ? {} : { columns }),
  });
}

/** `markets: 3 succeeded, 1 parked`, a line each source. */
export function countText(counts: readonly InboundCount[], { dim }: Style): string {
  const lines = [...Map.groupBy(counts, ({ source }) => source)].map(
    ([source, its]) => `${printable(source)}: ${its.map(({ count, status }) => `${count} ${names[status] ?? "unknown"}`).join(", ")}`,
  );
  return lines.map((line) => `${dim(line)}\n`).join("");
}

export function eventDetails(event: InboundEvent, style: Style): string {
  const { id, source, eventId, eventType, status, reason, detail, approvalId, claimedActor, tries, receivedAt, settledAt, body } = event;
  return pairs(
    [
      ["event", id],
      ["source", source],
      ["id there", eventId],
      ["type", eventType],
      ["status", statusCell(status, style)],
      ["why", reason === "" ? "" : `${reason}: ${detail}`],
      ["request", approvalId],
      ["names", claimedActor === "" ? "" : `${claimedActor} (as it says)`],
      ["came", timeText(receivedAt)],
      ["tried", `${tries} times, last ${timeText(settledAt)}`],
      ["body", body],
    ],
    style.dim,
  );
}

function timeText(at: Timestamp | undefined): string {
  return at ? new Date(timestampMs(at)).toISOString().replace(/\.\d+Z$/, "Z") : "";
}
