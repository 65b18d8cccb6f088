/** The body of every event, as existing receivers read it. */
import { expect, test } from "vitest";
import { publishedTypes } from "../../src/approvals/request-news.ts";
import { createEventCodec } from "../../src/delivery/event-codec.ts";
import { events } from "../../src/events.ts";
import { bodyOf } from "../../src/webhooks/body.ts";
import { toJson } from "@bufbuild/protobuf";
import { sampleNews } from "../support/sample-news.ts";

const codec = createEventCodec(events, { format: "cloudevents", topics: {} });
const samples = sampleNews.flatMap((news) => ("approval" in news ? [news] : []));

test.each(samples.map((news) => [news.event.type, news] as const))("%s has the flat fields, and in its payload all of the message", (type, news) => {
  const { schema, message } = codec.message({ payload: news, at: news.event.at });
  const { sequence, at, actor } = news.event;
  const subject = { type: "document", id: "x" };
  const notice = { sequence, type, at, actor, isFinal: false, decision: "CHANGES_REQUESTED", subject, stageOrder: 2, reason: "why", comment: "so" };
  const body = JSON.parse(bodyOf("1", { ...notice, message: toJson(schema, message, { useProtoFieldName: true }) as object })) as Record<string, unknown>;
  expect(body).toEqual({
    event_id: `1-${sequence}`,
    event_type: type,
    request_id: "1",
    artifact_type: "document",
    artifact_id: "x",
    status: "in_review",
    stage_order: 2,
    actor: "open|bob",
    occurred_at: "1970-01-01T00:00:01.000Z",
    payload: expect.objectContaining({ actor: "open|bob", reason: "why", comment: "so", timestamp: "1970-01-01T00:00:01Z" }) as unknown,
  });
  expect(body["payload"]).toMatchObject({ approval: { id: "1", subject_type: "document", subject_id: "x", sequence: `${sequence}` } });
});

test("there is a sample of each type that is sent", () => {
  expect(new Set(samples.map(({ event }) => event.type))).toEqual(new Set(publishedTypes));
});
