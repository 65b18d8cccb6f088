/** What is read of an event: when it occurred. */
import { describe, expect, test } from "vitest";
import { readEvent } from "../../src/inbound/read-event.ts";
import { source } from "../support/inbound-scene.ts";

function read(occurredAt: unknown) {
  const event = { event_id: "e", event_type: "market.approved", occurred_at: occurredAt, payload: { market_id: "m" } };
  return readEvent(source, JSON.stringify(event));
}

describe("occurred_at", () => {
  test.each([
    ["2026-01-31T18:00:00Z", "2026-01-31T18:00:00.000Z"],
    ["2026-01-31t18:00:00z", "2026-01-31T18:00:00.000Z"],
    ["2026-01-31T18:00:00.123456789Z", "2026-01-31T18:00:00.123Z"],
    ["2026-01-31T18:00:00-05:30", "2026-01-31T23:30:00.000Z"],
    ["2026-01-31T18:00:00+0100", "2026-01-31T17:00:00.000Z"],
    ["2026-12-31T23:59:60Z", "2026-12-31T23:59:59.000Z"],
    ["2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000Z"],
  ])("%s is a time", (text, time) => {
    const found = read(text);
    expect("event" in found && new Date(found.event.decision?.occurredAt ?? 0).toISOString()).toBe(time);
  });

  test.each([
    "2026-02-30T18:00:00Z",
    "2026-02-29T18:00:00Z",
    "2026-13-01T18:00:00Z",
    "2026-01-31T25:00:00Z",
    "2026-01-31T18:00:00",
    "2026-01-31 18:00:00Z",
    "2026-01-31",
    "31 Jan 2026 18:00:00 GMT",
    "",
    1_769_882_400,
    null,
  ])("%j is none", (text) => {
    expect(read(text)).toMatchObject({ refusal: "missing_event_fields" });
  });
});
