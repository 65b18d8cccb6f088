import type { DescMethod } from "@bufbuild/protobuf";

/** What one caller may take of the server. Bytes and milliseconds unless the name says otherwise. */
export interface Limits {
  /** One request message, after decompression. */
  readonly messageBytes: number;
  /** All header fields of one request. */
  readonly headerBytes: number;
  readonly streamsPerConnection: number;
  /** Open connections in total; more are closed at once. */
  readonly connections: number;
  /** Open calls in total; more are refused with RESOURCE_EXHAUSTED. */
  readonly calls: number;
  /** From accepting a connection to knowing what it speaks: first bytes, TLS handshake, HTTP/2 settings. */
  readonly firstByteMs: number;
  /** From the first byte of an HTTP/1.1 request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of a request to its last, unless the client streams. */
  readonly requestMs: number;
  /** How long a connection without calls stays open. */
  readonly idleMs: number;
  /** A silent HTTP/2 connection is asked for a sign of life after this long … */
  readonly pingAfterMs: number;
  /** … and closed when none comes within this. */
  readonly pingTimeoutMs: number;
  /** Streams a client may reset at once, and per second over time, before its connection is closed. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Longest life of a call, by the sort of its method. A shorter deadline of the client's counts. */
  readonly unaryMs: number;
  readonly registerMs: number;
  readonly reflectionMs: number;
  readonly watchMs: number;
  /** How long a streamed message may wait for a client that does not read. */
  readonly slowReaderMs: number;
}

export const defaultLimits: Limits = {
  messageBytes: 1_048_576,
  headerBytes: 16_384,
  streamsPerConnection: 100,
  connections: 1_000,
  calls: 12_000,
  firstByteMs: 10_000,
  headersMs: 10_000,
  requestMs: 12_000,
  idleMs: 300_000,
  pingAfterMs: 60_000,
  pingTimeoutMs: 20_000,
  resetBurst: 4_000,
  resetsPerSecond: 200,
  unaryMs: 10_000,
  registerMs: 150_000,
  reflectionMs: 300_000,
  watchMs: 1_800_000,
  slowReaderMs: 20_000,
};

interface LongMethod {
  readonly limit: "registerMs" | "reflectionMs" | "watchMs";
  /** What becomes of open calls when the server begins to shut down: they run on to their end, or end at once. */
  readonly onDrain: "finish" | "end";
}

const registration = "ai.pipestream.platform.registration.v1.PlatformRegistrationService";

/** The methods that may live longer than a unary call. Every streaming method is here; a test sees to it. */
export const longMethods: Readonly<Record<string, LongMethod>> = {
  [`${registration}/Register`]: { limit: "registerMs", onDrain: "finish" },
  [`${registration}/WatchServices`]: { limit: "watchMs", onDrain: "end" },
  [`${registration}/WatchModules`]: { limit: "watchMs", onDrain: "end" },
  "muster.registration.v1.RegistrationService/WatchAttempt": { limit: "watchMs", onDrain: "end" },
  "muster.event.v1.EventService/WatchEvents": { limit: "watchMs", onDrain: "end" },
  // Ends itself, after it has said NOT_SERVING.
  "grpc.health.v1.Health/Watch": { limit: "watchMs", onDrain: "finish" },
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": { limit: "reflectionMs", onDrain: "end" },
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": { limit: "reflectionMs", onDrain: "end" },
};

/** `package.Service/Method`: the name of a method in tables and logs. */
export function methodKey(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** Longest life of a call of this method. */
export function deadlineMs(method: DescMethod, limits: Limits): number {
  const long = longMethods[methodKey(method)];
  return long ? limits[long.limit] : limits.unaryMs;
}

/** As HTTP/2 counts the fields of a request: 32 bytes each beside their text. `rawHeaders`: names and values in turn. */
export function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length + 16;
  return bytes;
}
