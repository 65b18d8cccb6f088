/** Endpoints, secrets and deliveries as tables and details. */
import { durationMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import {
  WebhookAttemptResult,
  WebhookDeliveryState,
  type WebhookAttempt,
  type WebhookDelivery,
  type WebhookEndpoint,
  type WebhookSecret,
} from "../../../gen/muster/approval/v1/webhook_service_pb.ts";
import type { Style } from "../frame/style.ts";
import { pairs, table, type Cell } from "../frame/table.ts";
import type { Terminal } from "../frame/terminal.ts";
import { age, left, took } from "../frame/times.ts";

/** The width of a terminal that somebody looks at. */
export function widthOf(terminal: Terminal): number | undefined {
  return terminal.isInteractive ? terminal.size().columns : undefined;
}

function timeText(at: Timestamp | undefined): string {
  return at ? new Date(timestampMs(at)).toISOString().replace(/\.\d+Z$/, "Z") : "";
}

export function endpointTable(endpoints: readonly WebhookEndpoint[], style: Style, columns?: number): string {
  return table({
    heads: ["ENDPOINT", "STATE", "URL", "TYPES", "SUBJECTS"],
    rows: endpoints.map((endpoint) => [endpoint.id, stateCell(endpoint, style), endpoint.url, all(endpoint.types), all(endpoint.subjects)]),
    bold: style.bold,
    narrow: { drop: ["SUBJECTS", "TYPES"], shorten: "URL" },
    ...(columns === undefined ? {} : { columns }),
  });
}

function stateCell({ enabled }: WebhookEndpoint, { good, bad }: Style): Cell {
  return enabled ? { text: "enabled", paint: good } : { text: "disabled", paint: bad };
}

function all(texts: readonly string[]): string {
  return texts.join(", ") || "all";
}

export function endpointDetails(endpoint: WebhookEndpoint, style: Style): string {
  const { id, url, types, subjects, secretId, description, approvalId, disabledReason, disabledAt, createdBy, createdAt } = endpoint;
  return pairs(
    [
      ["endpoint", id],
      ["url", url],
      ["state", stateCell(endpoint, style)],
      ["why", disabledReason],
      ["since", timeText(disabledAt)],
      ["request", approvalId],
      ["types", all(types)],
      ["subjects", all(subjects)],
      ["secret", secretId || "none: it is not signed"],
      ["description", description],
      ["added", `${timeText(createdAt)} by ${createdBy}`],
    ],
    style.dim,
  );
}

export function secretTable(secrets: readonly WebhookSecret[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["SECRET", "SINCE", "FORMER FOR", "BY", "DESCRIPTION"],
    rows: secrets.map(({ id, createdAt, rotatedAt, formerUntil, createdBy, description }) => {
      const until = formerUntil ? timestampMs(formerUntil) : 0;
      return [id, timeText(rotatedAt ?? createdAt), until > nowMs ? left(until, nowMs) : "-", createdBy, description];
    }),
    bold: style.bold,
    narrow: { drop: ["BY", "SINCE"], shorten: "DESCRIPTION" },
    ...(columns === undefined ? {} : { columns }),
  });
}

const stateNames: Readonly<Record<number, string>> = {
  [WebhookDeliveryState.PENDING]: "pending",
  [WebhookDeliveryState.DELIVERED]: "delivered",
  [WebhookDeliveryState.GIVEN_UP]: "given up",
};

function deliveryState({ state }: WebhookDelivery, { good, bad, warn }: Style): Cell {
  const paint = state === WebhookDeliveryState.DELIVERED ? good : state === WebhookDeliveryState.GIVEN_UP ? bad : warn;
  return { text: stateNames[state] ?? "unknown", paint };
}

export function deliveryTable(deliveries: readonly WebhookDelivery[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["DELIVERY", "STATE", "EVENT", "TRIES", "AGE", "NEXT", "LAST"],
    rows: deliveries.map((delivery) => {
      const { id, eventType, attempts, createdAt, nextAt, detail } = delivery;
      const next = nextAt ? left(timestampMs(nextAt), nowMs) : "-";
      const last = attempts.at(-1);
      return [
        id,
        deliveryState(delivery, style),
        eventType,
        `${attempts.length}`,
        age(createdAt && timestampMs(createdAt), nowMs),
        next,
        detail || (last ? endText(last) : "-"),
      ];
    }),
    bold: style.bold,
    narrow: { drop: ["AGE", "TRIES", "NEXT"], shorten: "LAST" },
    ...(columns === undefined ? {} : { columns }),
  });
}

function endText({ error, status, result }: WebhookAttempt): string {
  return error || (result === WebhookAttemptResult.DELIVERED ? `HTTP ${status}` : "");
}

export function deliveryDetails(delivery: WebhookDelivery, style: Style): string {
  const { id, endpointId, approvalId, eventId, eventType, detail, nextAt, body, attempts } = delivery;
  const head = pairs(
    [
      ["delivery", id],
      ["endpoint", endpointId],
      ["request", approvalId],
      ["event", `${eventType} ${eventId}`],
      ["state", deliveryState(delivery, style)],
      ["why", detail],
      ["next", timeText(nextAt)],
      ["body", body],
    ],
    style.dim,
  );
  if (attempts.length === 0) return `${head}No attempts.\n`;
  const rows = attempts.map((attempt) => {
    const { at, took: time, address, answer, manual } = attempt;
    return [timeText(at), endText(attempt), took(time ? durationMs(time) : 0), address || "-", manual ? "by hand" : "-", answer || "-"];
  });
  return `${head}\n${table({ heads: ["ATTEMPT", "END", "TOOK", "ADDRESS", "ASKED", "ANSWER"], rows, bold: style.bold })}`;
}
