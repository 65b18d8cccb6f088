import { randomBytes, randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DomainError } from "../../src/kernel/errors.ts";
import type { EventSink, SinkRecord } from "../../src/kernel/ports.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";

export interface SeenRecord {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly data: Uint8Array;
  /** As on the wire, where there is a wire. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface OpenSink extends AsyncDisposable {
  readonly sink: EventSink;
  /** Nobody else publishes to it; it does not exist yet. */
  readonly topic: string;
  /** What every value is said to be, whatever the record says; absent where the record's own content type is kept. */
  readonly contentType?: string;
  /** All that stands in the topic, in order per key, as a consumer sees it. */
  read(): Promise<readonly SeenRecord[]>;
  /** What only a sink with topics of its own has. */
  readonly topics?: {
    /** Creates `topic` so that it takes at most `maxBytes` a batch. */
    createSmall(maxBytes: number): Promise<void>;
    delete(): Promise<void>;
    partitions(): Promise<number>;
  };
}

export interface SinkUnderTest {
  open(): Promise<OpenSink>;
  /**
   * The same with a line that can be cut. Absent where there is no line.
   */
  readonly openWithFault?: () => Promise<OpenSink & { readonly fault: Pick<TcpProxy, "cut" | "freeze" | "restore"> }>;
}

const never = new AbortController().signal;
const limitMs = 30_000; // Ten seconds, and more for a machine that stands still now and then.

/** `EventSink` as its port describes it. */
export function eventSinkContract(name: string, { open, openWithFault }: SinkUnderTest): void {
  describe(`event sink: ${name}`, () => {
    let opened: OpenSink;
    let sink: EventSink;
    beforeEach(async () => {
      opened = await open();
      sink = opened.sink;
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    const record = (parts: Partial<SinkRecord> = {}) => recordFor(opened.topic, parts);

    test("nothing to publish is published", async () => {
      await sink.prepare(never);
      await sink.publish([], never);
      await sink.publish([record({ id: "one" })], never);
      await sink.publish([], never);
      expect(firstDeliveries(await opened.read())).toEqual(["one"]);
    });

    test("a record arrives as it was given", async () => {
      const data = Uint8Array.from({ length: 256 }, (_, n) => n);
      const given = record({ key: "parser-10.0.0.1-é", type: "muster.test.ModuleRegistered", data: data.subarray(3) });
      await sink.publish([given, record({ id: "empty", data: new Uint8Array() })], never);
      const seen = byId(await opened.read());
      expect(seen.get(given.id)).toMatchObject({ id: given.id, key: given.key, type: given.type });
      expect(Buffer.from(seen.get(given.id)!.data).equals(data.subarray(3))).toBe(true);
      expect(seen.get("empty")?.data).toHaveLength(0);
    });

    test("the wire format is CloudEvents in binary mode", async (context) => {
      const given = record({ time: Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
      const traced = record({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
      const json = record({ contentType: "application/json", data: Buffer.from("{}") });
      await sink.publish([given, traced, json], never);
      const seen = byId(await opened.read());
      const headers = seen.get(given.id)?.headers;
      if (!headers) return context.skip("the log keeps no headers");
      expect(headers).toEqual({
        ce_specversion: "1.0",
        ce_id: given.id,
        ce_type: given.type,
        ce_source: given.source,
        ce_subject: given.key,
        ce_time: "2026-01-02T03:04:05.006Z",
        "content-type": opened.contentType ?? "application/protobuf",
      });
      expect(seen.get(json.id)?.headers).toMatchObject({ "content-type": opened.contentType ?? "application/json" });
      expect(seen.get(traced.id)?.headers).toMatchObject({ ce_traceparent: traced.traceparent });
    });

    test("records of a key come in the order given, over several publishes at once", async () => {
      const keys = ["a", "b", "c", "d", "e"];
      const batches = Array.from({ length: 12 }, (_, batch) =>
        Array.from({ length: 20 }, (__, n) => record({ id: `${batch}-${n}`, key: keys[n % keys.length]! })),
      );
      await Promise.all(batches.map((batch) => sink.publish(batch, never)));
      expectOrder(await opened.read(), batches.flat());
    });

    test("a batch larger than what the server takes at once arrives whole and in order", async () => {
      const batch = Array.from({ length: 12 }, (_, n) => record({ id: `${n}`, key: "one", data: randomBytes(300 * 1024) }));
      await sink.publish(batch, never);
      expectOrder(await opened.read(), batch);
    });

    test("publishing twice may show twice, but loses nothing and keeps the first deliveries in order", async () => {
      const batch = [1, 2, 3].map((n) => record({ id: `${n}`, key: "one" }));
      await sink.publish(batch, never);
      await sink.publish(batch, never);
      await sink.publish([record({ id: "4", key: "one" })], never);
      expect(firstDeliveries(await opened.read())).toEqual(["1", "2", "3", "4"]);
    });

    test("a record that is too large is named, and the others can be published without it", async () => {
      const large = record({ id: "large", data: randomBytes(1024 * 1024) });
      const others = [record({ id: "before" }), record({ id: "after" })];
      const refusal = { kind: "invalid", reason: "DEPENDENCY_REFUSED", metadata: { id: "large" } };
      await expect(sink.publish([others[0]!, large, others[1]!], never)).rejects.toMatchObject(refusal);
      await sink.publish(others, never);
      expect(firstDeliveries(await opened.read())).toEqual(["before", "after"]);
    });

    test("a record just below the limit is taken", async () => {
      const given = record({ data: randomBytes(899 * 1024) });
      await sink.publish([given], never);
      expect(Buffer.from((await opened.read())[0]!.data).equals(given.data)).toBe(true);
    });

    test("an aborted signal ends a publish with its own reason", async () => {
      const reason = new Error("stopped");
      await expect(sink.publish([record()], AbortSignal.abort(reason))).rejects.toBe(reason);
      await expect(sink.ping(AbortSignal.abort(reason))).rejects.toBe(reason);
      await sink.publish([record({ id: "next" })], never);
      expect(firstDeliveries(await opened.read())).toEqual(["next"]);
    });

    test("answers a ping", async () => {
      await sink.ping(never);
    });

    test("a record that only the server finds too large is named, others around it arrive in order", async (context) => {
      if (!opened.topics) return context.skip("there are no topics to make");
      await opened.topics.createSmall(16 * 1024);
      const batch = [1, 2, 3, 4].map((n) => record({ id: `${n}`, key: "one", data: randomBytes(6 * 1024) }));
      await sink.publish(batch, never);
      const large = record({ id: "large", key: "one", data: randomBytes(20 * 1024) });
      const refusal = { kind: "invalid", reason: "DEPENDENCY_REFUSED", metadata: { id: "large" } };
      await expect(sink.publish([record({ id: "5", key: "one" }), large], never)).rejects.toMatchObject(refusal);
      await sink.publish([record({ id: "5", key: "one" }), record({ id: "6", key: "one" })], never);
      expect(firstDeliveries(await opened.read())).toEqual(["1", "2", "3", "4", "5", "6"]);
    });

    test("a topic is created when missing, also when it was deleted meanwhile", async (context) => {
      if (!opened.topics) return context.skip("there are no topics to make");
      await sink.publish([record({ id: "before" })], never);
      expect(await opened.topics.partitions()).toBe(3);
      await opened.topics.delete();
      await sink.publish([record({ id: "after" })], never);
      expect(firstDeliveries(await opened.read())).toEqual(["after"]);
    });

    test("two sinks that create the same topic at once both publish", async (context) => {
      if (!opened.topics) return context.skip("there are no topics to make");
      await using other = await open();
      const batches = [record({ id: "1" }), record({ id: "2" })];
      await Promise.all([sink.publish([batches[0]!], never), other.sink.publish([batches[1]!], never)]);
      expect([...firstDeliveries(await opened.read())].sort()).toEqual(["1", "2"]);
    });
  });

  describe(`event sink: ${name}, on a bad line`, () => {
    const down = { kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "event sink" } };
    let opened: Awaited<ReturnType<NonNullable<typeof openWithFault>>>;
    beforeEach(async (context) => {
      if (!openWithFault) return context.skip("there is no line to cut");
      opened = await openWithFault();
    }, 300_000);
    afterEach(() => opened?.[Symbol.asyncDispose]());

    test("nothing is needed until the first publish, which fails while nobody listens and works afterwards", { timeout: 180_000 }, async () => {
      const { sink, fault, topic } = opened;
      await fault.cut();
      await within(limitMs, expect(sink.publish([recordFor(topic, { id: "1" })], never)).rejects.toMatchObject(down));
      await within(limitMs, expect(sink.ping(never)).rejects.toMatchObject(down));
      await fault.restore();
      await sink.publish([recordFor(topic, { id: "1" })], never);
      await sink.ping(never);
      expect(firstDeliveries(await opened.read())).toEqual(["1"]);
    });

    test("a line cut after some records: the publish rejects, and works when it is back", { timeout: 180_000 }, async () => {
      const { sink, fault, topic } = opened;
      const batch = ["1", "2", "3"].map((id) => recordFor(topic, { id, key: "one" }));
      await sink.publish(batch.slice(0, 1), never);
      await fault.cut();
      await within(limitMs, expect(sink.publish(batch.slice(1), never)).rejects.toMatchObject(down));
      await fault.restore();
      await sink.publish(batch.slice(1), never);
      expect(firstDeliveries(await opened.read())).toEqual(["1", "2", "3"]);
    });

    test("a line cut for a moment is not noticed", { timeout: 180_000 }, async () => {
      const { sink, fault, topic } = opened;
      const batch = Array.from({ length: 30 }, (_, n) => recordFor(topic, { id: `${n}`, key: "one" }));
      await sink.publish(batch.slice(0, 10), never);
      await fault.cut();
      const publish = Promise.all([sink.publish(batch.slice(10, 20), never), sink.publish(batch.slice(20), never)]);
      await fault.restore();
      await publish;
      expectOrder(await opened.read(), batch);
    });

    test("a line that went dead: the publish rejects in time, and works when it is back", { timeout: 180_000 }, async () => {
      const { sink, fault, topic } = opened;
      const batch = ["1", "2", "3", "4"].map((id) => recordFor(topic, { id, key: "one" }));
      await sink.publish(batch.slice(0, 1), never);
      fault.freeze();
      await within(limitMs, expect(sink.publish(batch.slice(1, 3), never)).rejects.toMatchObject(down));
      const controller = new AbortController();
      const reason = new Error("stopped");
      const abandoned = sink.publish(batch.slice(1, 3), controller.signal);
      controller.abort(reason);
      await within(limitMs / 4, expect(abandoned).rejects.toBe(reason));
      await fault.restore();
      await eventually(() => sink.publish(batch.slice(1, 3), never));
      await sink.publish(batch.slice(3), never);
      expect(firstDeliveries(await opened.read())).toEqual(["1", "2", "3", "4"]);
    });

    test("closing a sink takes its time, but an end, also on a dead line", { timeout: 180_000 }, async () => {
      const { sink, fault, topic } = opened;
      await sink.publish([recordFor(topic)], never);
      fault.freeze();
      const publish = expect(sink.publish([recordFor(topic)], never)).rejects.toMatchObject(down);
      await nextTurn();
      await within(limitMs, sink[Symbol.asyncDispose]());
      await publish;
      await expect(sink.publish([recordFor(topic)], never)).rejects.toMatchObject(down);
      await fault.restore();
    });
  });
}

function recordFor(topic: string, parts: Partial<SinkRecord> = {}): SinkRecord {
  return {
    id: randomUUID(),
    topic,
    key: "parser-10.0.0.1-9000",
    type: "muster.test.Happened",
    source: "muster/test",
    time: 1_700_000_000_000,
    contentType: "application/protobuf",
    data: Uint8Array.of(8, 1),
    ...parts,
  };
}

function idsOf(records: readonly Pick<SeenRecord, "id">[]): readonly string[] {
  return records.map(({ id }) => id);
}

function byId(records: readonly SeenRecord[]): ReadonlyMap<string, SeenRecord> {
  return new Map(records.map((record) => [record.id, record]));
}

function firstDeliveries(records: readonly Pick<SeenRecord, "id">[]): readonly string[] {
  return [...new Set(idsOf(records))];
}

/** Every given record is there, and those of a key were first delivered in the order given. */
function expectOrder(seen: readonly SeenRecord[], given: readonly SinkRecord[]): void {
  const seenByKey = Map.groupBy(seen, ({ key }) => key);
  const givenByKey = Map.groupBy(given, ({ key }) => key);
  expect([...seenByKey.keys()].sort()).toEqual([...givenByKey.keys()].sort());
  for (const [key, records] of givenByKey) expect(firstDeliveries(seenByKey.get(key)!)).toEqual(idsOf(records));
}

async function within<T>(ms: number, work: PromiseLike<T>): Promise<T> {
  const started = performance.now();
  const result = await work;
  expect(performance.now() - started).toBeLessThan(ms);
  return result;
}

/** Repeats what rejects with `unavailable`, as every caller of a sink does; the test's own timeout is the limit. */
async function eventually(attempt: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== "unavailable") throw error;
    }
  }
}
