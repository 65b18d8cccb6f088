/** EventService over the wire: its requests, its heartbeats, and payloads that a client may or may not know. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { createRegistry, toJson } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { EventService, type WatchEventsResponse } from "../../gen/muster/event/v1/event_service_pb.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createEventCodec } from "../../src/delivery/event-codec.ts";
import { notingCommits } from "../../src/delivery/event-commits.ts";
import { startEventFeed } from "../../src/delivery/event-feed.ts";
import { events } from "../../src/events.ts";
import type { Store } from "../../src/kernel/ports.ts";
import { eventService } from "../../src/rpc/platform/events.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { manualClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/rpc-server.ts";
import { sampleEvents } from "../support/sample-events.ts";

const { listEvents, watchEvents } = EventService.method;
const { message } = createEventCodec(events, { format: "cloudevents", topics: {} });
const soon = { timeout: 20_000, interval: 5 };
const serviceId = sampleEvents.ModuleRegistered.serviceId;

interface Site extends AsyncDisposable {
  readonly server: TestServer;
  readonly client: MusterClient;
  /** Of the heartbeats alone. */
  readonly clock: ReturnType<typeof manualClock>;
  commit(...payloads: readonly { readonly type: string }[]): Promise<void>;
}

async function openSite(): Promise<Site> {
  const stack = new AsyncDisposableStack();
  const plain: Store = stack.use(await openSqliteStore({ path: ":memory:" }));
  const feed = startEventFeed({ store: plain, clock: systemClock, log: () => undefined });
  stack.defer(() => feed.stop());
  const store = notingCommits(plain, { onEvents: () => feed.nudge() });
  const clock = manualClock();
  const server = stack.use(await startTestServer({}, { services: [eventService({ feed, message, clock }, events)] }));
  const client = stack.use(connect(server.address));
  let committed = 0;
  return {
    server,
    client,
    clock,
    async commit(...payloads) {
      for (const payload of payloads) {
        committed += 1;
        const event = { id: `id ${committed}`, key: "k", subject: { kind: "instance", id: serviceId }, payload, at: 1_000 * committed, traceparent: undefined };
        await store.tx((tx) => tx.outbox.insert(event));
      }
      await expect.poll(async () => (await client.unary(listEvents, {})).lastPosition, soon).toBe(BigInt(committed));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** `event 3` or `heartbeat 3`. */
const nameOf = ({ item }: WatchEventsResponse) => `${item.case} ${item.value?.position}`;

test("an event of every type is given out as its message, with everything about it", async () => {
  await using site = await openSite();
  const payloads = Object.values(sampleEvents);
  await site.commit(...payloads);
  const { events: found, scannedPosition, lastPosition } = await site.client.unary(listEvents, {});
  expect([scannedPosition, lastPosition]).toEqual([BigInt(payloads.length), BigInt(payloads.length)]);
  expect(found).toHaveLength(payloads.length);
  const registry = createRegistry(...events.map(({ schema }) => schema));
  for (const [index, event] of found.entries()) {
    const payload = payloads[index];
    const row = events.find(({ type }) => type === payload?.type);
    if (payload === undefined || row === undefined || event.payload === undefined) throw new Error("an event is missing");
    expect(event).toMatchObject({
      position: BigInt(index + 1),
      id: `id ${index + 1}`,
      type: payload.type,
      payloadType: row.schema.typeName,
      subject: { kind: "instance", id: serviceId },
      key: "k",
      time: { seconds: BigInt(index + 1) },
      traceparent: "",
    });
    expect(anyUnpack(event.payload, registry)).toMatchObject({ $typeName: row.schema.typeName, serviceId });
  }
});

test("pages follow each other by the position that was looked at", async () => {
  await using site = await openSite();
  await site.commit(...Object.values(sampleEvents), ...Object.values(sampleEvents));
  const filter = { types: ["TagsUpdated", "ModuleRegistered"], subjectKind: "instance", subjectId: serviceId };
  const seen: bigint[] = [];
  let afterPosition = 0n;
  for (;;) {
    const page = await site.client.unary(listEvents, { filter, afterPosition, pageSize: 1 });
    seen.push(...page.events.map(({ position }) => position));
    expect(page.scannedPosition).toBeGreaterThan(afterPosition);
    afterPosition = page.scannedPosition;
    if (page.scannedPosition === page.lastPosition) break;
  }
  const all = await site.client.unary(listEvents, {});
  expect(seen).toEqual(all.events.filter(({ type }) => filter.types.includes(type)).map(({ position }) => position));
});

test("a watch begins with its position, and a quiet one says every twenty seconds how far it has looked", async () => {
  await using site = await openSite();
  await site.commit(sampleEvents.ModuleRegistered);
  const seen: string[] = [];
  const watching = site.client.stream(watchEvents, { filter: { types: ["ModuleRegistered"] } }, (item) => {
    seen.push(nameOf(item));
    return seen.length < 5;
  });
  await expect.poll(() => seen, soon).toEqual(["heartbeat 1"]);
  await expect.poll(() => site.clock.sleepers(), soon).toBe(1);
  await site.clock.pass(15_000);
  // These are not wanted: they neither come nor put the heartbeat off.
  await site.commit(sampleEvents.ModuleUnregistered, sampleEvents.TagsUpdated);
  await expect.poll(() => site.client.unary(listEvents, {}).then(({ lastPosition }) => lastPosition), soon).toBe(3n);
  await site.clock.pass(5_000);
  await expect.poll(() => seen, soon).toEqual(["heartbeat 1", "heartbeat 3"]);
  await expect.poll(() => site.clock.sleepers(), soon).toBe(1);
  await site.clock.pass(19_999);
  await site.commit(sampleEvents.ModuleRegistered);
  await expect.poll(() => seen, soon).toEqual(["heartbeat 1", "heartbeat 3", "event 4"]);
  // It was just heard of: the twenty seconds begin again.
  await expect.poll(() => site.clock.sleepers(), soon).toBe(1);
  await site.clock.pass(19_999);
  await site.commit(sampleEvents.ModuleRegistered);
  await expect.poll(() => seen.at(-1), soon).toBe("event 5");
  await expect.poll(() => site.clock.sleepers(), soon).toBe(1);
  await site.clock.pass(20_000);
  expect((await watching).messages.map(nameOf)).toEqual(["heartbeat 1", "heartbeat 3", "event 4", "event 5", "heartbeat 5"]);
});

test("a request with bad fields is refused, all of them at once", async () => {
  await using site = await openSite();
  const filter = { types: [""], subjectKind: "Instance", subjectId: "x".repeat(513) };
  const bad = { code: status.INVALID_ARGUMENT, reason: "INVALID_FIELDS" };
  const fields = ["after_position", "filter.types", "filter.subject_kind", "filter.subject_id"];
  expect(await refusal(site.client, listEvents, { filter, afterPosition: -1n, pageSize: 501 })).toMatchObject({ ...bad, fields: [...fields, "page_size"] });
  expect((await site.client.stream(watchEvents, { filter, afterPosition: -1n })).status).toMatchObject({ ...bad, fields });
  expect(await refusal(site.client, listEvents, { filter: { subjectId: "x" } })).toMatchObject({ ...bad, fields: ["filter.subject_kind"] });
});

test("a position that is not there answers OUT_OF_RANGE with the first and the last there are", async () => {
  await using site = await openSite();
  await site.commit(sampleEvents.ModuleRegistered);
  const answer = { code: status.OUT_OF_RANGE, reason: "POSITION_OUT_OF_RANGE", metadata: { first_position: "1", last_position: "1" } };
  expect(await refusal(site.client, listEvents, { afterPosition: 2n })).toMatchObject(answer);
  expect((await site.client.stream(watchEvents, { afterPosition: 2n })).status).toMatchObject(answer);
});

test("an event that this version does not know, or whose record is damaged, is there without its payload", async () => {
  await using site = await openSite();
  await site.commit({ type: "FromTheFuture" }, { type: "TagsUpdated" }, sampleEvents.TagsUpdated);
  const { events: found } = await site.client.unary(listEvents, {});
  expect(found.map(({ type, payloadType, payload }) => [type, payloadType, payload === undefined])).toEqual([
    ["FromTheFuture", "", true],
    ["TagsUpdated", "", true],
    ["TagsUpdated", "ai.pipestream.platform.registration.v1.TagsUpdated", false],
  ]);
  const response = await fetch(`${site.server.url}/${EventService.typeName}/ListEvents`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(await response.json()).toMatchObject({ events: [{ type: "FromTheFuture" }, {}, { payload: { serviceId, tags: sampleEvents.TagsUpdated.tags } }] });
});

describe("clients that know nothing but reflection", () => {
  test("print every payload: buf curl", { timeout: 60_000 }, async () => {
    await using site = await openSite();
    const payloads = Object.values(sampleEvents);
    await site.commit(...payloads);
    const url = `${site.server.url}/${EventService.typeName}/ListEvents`;
    const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
    const { stdout } = await promisify(execFile)(buf, ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", "{}", url]);
    const { events: printed } = JSON.parse(stdout) as { readonly events: readonly { readonly payload: unknown }[] };
    const registry = createRegistry(...events.map(({ schema }) => schema));
    const { events: found } = await site.client.unary(listEvents, {});
    expect(printed.map(({ payload }) => payload)).toEqual(
      found.map(({ payload }) => {
        const unpacked = payload && anyUnpack(payload, registry);
        const schema = unpacked && registry.getMessage(unpacked.$typeName);
        return unpacked && schema && { "@type": payload.typeUrl, ...(toJson(schema, unpacked) as object) };
      }),
    );
  });
});
