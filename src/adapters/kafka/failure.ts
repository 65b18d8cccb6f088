/** Maps a kafkajs error to its meaning for the records being sent. */
import kafkajs from "kafkajs";

// Not by name: Node sees only a part of what this CommonJS package exports.
const { KafkaJSAggregateError, KafkaJSProtocolError, KafkaJSSASLAuthenticationError } = kafkajs;

/**
 * `passing`: the same send can succeed later. `records`: the broker refuses one of these records, or so many at once.
 * `refused`: the broker refuses any records.
 */
export interface KafkaFailure {
  readonly verdict: "passing" | "records" | "refused";
  /** Kafka's name of the error, or the driver's; safe to show. */
  readonly name: string;
}

const aboutRecords = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"];

const refusals = [
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "UNSUPPORTED_VERSION",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_PARTITIONS",
  "INVALID_REPLICATION_FACTOR",
  "INVALID_CONFIG",
  "POLICY_VIOLATION",
];

/**
 * Unknown errors count as passing: kafkajs marks some transient errors as final (a timed-out wait for leaders),
 * and throws plain TypeErrors when a broker disconnects at certain moments.
 */
export function failureOf(error: unknown): KafkaFailure {
  const cause = rootOf(error);
  if (cause instanceof KafkaJSProtocolError) {
    if (aboutRecords.includes(cause.type)) return { verdict: "records", name: cause.type };
    return { verdict: refusals.includes(cause.type) ? "refused" : "passing", name: cause.type };
  }
  if (cause instanceof KafkaJSSASLAuthenticationError) return { verdict: "refused", name: cause.name };
  return { verdict: "passing", name: cause instanceof Error ? cause.name : "unknown" };
}

/** kafkajs wraps an error once for every retrier it went through, and a refused topic in an aggregate. */
function rootOf(error: unknown): unknown {
  if (error instanceof KafkaJSAggregateError) {
    const [first] = error.errors;
    return typeof first === "string" ? error : rootOf(first);
  }
  if (error instanceof Error && error.cause instanceof Error) return rootOf(error.cause);
  return error;
}
