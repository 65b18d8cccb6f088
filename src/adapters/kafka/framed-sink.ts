/**
 * An event sink whose values carry their schema's id, in front of another sink.
 *
 * A value is 0x00, the id of the topic's schema in the registry (4 bytes, big-endian), a `Ref` message with the simple name of the
 * value's type in field 1 (its length before it), and the protobuf bytes: what Apicurio's protobuf serializer writes and its
 * deserializer expects. The key is the name-based UUID of the subject, as text, as such consumers read keys.
 * All that the sink behind it guarantees stays: records of a subject have one key. A batch with a record whose schema is unavailable is
 * not published at all, to keep the order. A request for a schema adds to the time of the sink itself.
 */
import { createHash } from "node:crypto";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { EventSink, SinkRecord } from "../../kernel/ports.ts";

export interface FramedSinkConfig {
  /** Disposed together with this one. */
  readonly sink: EventSink;
  /** Returns the id of a topic's schema. */
  readonly ids: Disposable & { idOf(topic: string, signal: AbortSignal): Promise<number> };
}

export function createFramedSink({ sink, ids }: FramedSinkConfig): EventSink {
  let turn: Promise<unknown> = Promise.resolve();

  async function frameAll(batch: readonly SinkRecord[], signal: AbortSignal): Promise<readonly SinkRecord[]> {
    const framed: SinkRecord[] = [];
    for (const record of batch) framed.push(frame(record, await ids.idOf(record.topic, signal)));
    return framed;
  }

  return {
    async publish(batch, signal) {
      signal.throwIfAborted();
      // Publishes take turns here too, so that they reach the sink in the order they were called.
      const framing = turn.then(() => frameAll(batch, signal));
      turn = framing.catch(() => {});
      await sink.publish(await orAborted(framing, signal), signal);
    },

    prepare: (signal) => sink.prepare(signal),

    ping: (signal) => sink.ping(signal),

    async [Symbol.asyncDispose]() {
      await sink[Symbol.asyncDispose]();
      ids[Symbol.dispose]();
    },
  };
}

function frame(record: SinkRecord, schemaId: number): SinkRecord {
  const name = Buffer.from(record.type.slice(record.type.lastIndexOf(".") + 1));
  const ref = [...varint(1 + varint(name.length).length + name.length), 0x0a, ...varint(name.length)];
  const head = Buffer.alloc(5);
  head.writeUInt32BE(schemaId, 1);
  return {
    ...record,
    key: nameUuid(record.key),
    subject: record.subject ?? record.key,
    contentType: "application/octet-stream",
    data: Buffer.concat([head, Buffer.from(ref), name, record.data]),
  };
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Version 3, without a namespace: Java's `UUID.nameUUIDFromBytes` of the text's UTF-8. */
export function nameUuid(text: string): string {
  const bytes = createHash("md5").update(text).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x30, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
