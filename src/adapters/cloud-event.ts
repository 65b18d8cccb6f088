/** Shared by event sinks: a record's CloudEvents attributes and the size limit. */
import { DomainError } from "../kernel/errors.ts";
import type { SinkRecord } from "../kernel/ports.ts";

/**
 * Kafka's brokers accept 1 MiB per batch by default; framing needs a part of it. Every sink has the same limit, so that a
 * change of sink never makes a record undeliverable.
 */
export const maxRecordBytes = 900 * 1024;

/** CloudEvents 1.0 context attributes by name, without any protocol's prefix; `datacontenttype` is left to the binding. */
export function attributesOf(record: SinkRecord): Readonly<Record<string, string>> {
  return {
    specversion: "1.0",
    id: record.id,
    type: record.type,
    source: record.source,
    subject: record.subject ?? record.key,
    time: new Date(record.time).toISOString(),
    ...(record.traceparent === undefined ? {} : { traceparent: record.traceparent }),
  };
}

/** An upper estimate of the record's size on the wire, in bytes. */
export function sizeOf(record: SinkRecord): number {
  let size = 256 + record.data.length + Buffer.byteLength(record.key) + Buffer.byteLength(record.contentType);
  for (const [name, value] of Object.entries(attributesOf(record))) size += 16 + name.length + Buffer.byteLength(value);
  return size;
}

/** Throws the error of the first record that no sink would ever accept. */
export function checkSizes(batch: readonly SinkRecord[]): void {
  for (const record of batch) {
    if (sizeOf(record) > maxRecordBytes) throw unacceptable(record, `larger than ${maxRecordBytes} bytes`);
  }
}

/** One record, named by `metadata.id`, can never be delivered; the others of its batch can. */
export function unacceptable(record: SinkRecord, detail: string, cause?: unknown): DomainError {
  return new DomainError({
    kind: "invalid",
    reason: "DEPENDENCY_REFUSED",
    message: `event sink refused record ${record.id}: ${detail}`,
    metadata: { dependency: "event sink", id: record.id },
    cause,
  });
}
