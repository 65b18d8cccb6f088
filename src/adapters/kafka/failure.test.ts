import kafkajs from "kafkajs";
import { expect, test } from "vitest";
import { failureOf } from "./failure.ts";

const { KafkaJSAggregateError, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } = kafkajs;
const { KafkaJSConnectionError } = kafkajs;

const protocolError = (type: string) => new KafkaJSProtocolError(Object.assign(new Error(type), { type, code: 1, retriable: false }));

/** As kafkajs' retriers do it, one inside the other. */
function wrapped(cause: Error): Error {
  const inner = Object.assign(new KafkaJSNonRetriableError(cause), { cause });
  return Object.assign(new KafkaJSNumberOfRetriesExceeded(inner, { retryCount: 0, retryTime: 1 }), { cause: inner });
}

test.each([
  ["records", "MESSAGE_TOO_LARGE", protocolError("MESSAGE_TOO_LARGE")],
  ["records", "INVALID_RECORD", wrapped(protocolError("INVALID_RECORD"))],
  ["refused", "TOPIC_AUTHORIZATION_FAILED", wrapped(protocolError("TOPIC_AUTHORIZATION_FAILED"))],
  ["refused", "INVALID_REPLICATION_FACTOR", new KafkaJSAggregateError("topics", [protocolError("INVALID_REPLICATION_FACTOR")])],
  ["passing", "NOT_ENOUGH_REPLICAS", protocolError("NOT_ENOUGH_REPLICAS")],
  ["passing", "UNKNOWN_TOPIC_OR_PARTITION", wrapped(protocolError("UNKNOWN_TOPIC_OR_PARTITION"))],
  ["passing", "KafkaJSConnectionError", wrapped(new KafkaJSConnectionError("refused"))],
  ["passing", "KafkaJSNonRetriableError", new KafkaJSNonRetriableError("timed out while waiting for topic leaders")],
  ["passing", "TypeError", wrapped(new TypeError("cannot read properties of undefined"))],
  ["passing", "unknown", "text"],
])("%s: %s", (verdict, name, error) => {
  expect(failureOf(error)).toEqual({ verdict, name });
});
