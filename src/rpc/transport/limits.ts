/** Limits per caller and in total. Bytes and milliseconds unless the name has another unit. */
export interface Limits {
  /** One request message, after decompression. */
  readonly messageBytes: number;
  /** All header fields of one request. */
  readonly headerBytes: number;
  /** Open calls on one connection; one more waits for `placeMs`, and is then refused in a way that clients try again. */
  readonly streamsPerConnection: number;
  readonly placeMs: number;
  /** Open connections; what makes room when there are more: `connections.ts`. */
  readonly connections: number;
  /** Connections beside those on which a call was admitted, however many these are. */
  readonly spareConnections: number;
  /** Open calls that need a role; more are refused with RESOURCE_EXHAUSTED. */
  readonly calls: number;
  /** Open calls that need no token, such as a watch of the server's health. */
  readonly publicCalls: number;
  /** Open probes; the oldest is cut off for a new one. */
  readonly probeCalls: number;
  /** Requests not admitted, or refused and not read; the oldest is cut off for a new one. */
  readonly pendingCalls: number;
  /** From accepting a connection to knowing what it speaks: first bytes, TLS handshake, HTTP/2 settings. */
  readonly firstByteMs: number;
  /** From the first byte of an HTTP/1.1 request to the end of its headers. */
  readonly headersMs: number;
  /** From the first byte of a request to its last, unless the client streams. */
  readonly requestMs: number;
  /** How long a connection without calls stays open. */
  readonly idleMs: number;
  /** A silent HTTP/2 connection is pinged after this long … */
  readonly pingAfterMs: number;
  /** … and closed when it does not answer within this. */
  readonly pingTimeoutMs: number;
  /** Streams a client may reset at once, and per second over time, before its connection is closed. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Longest life of a call without another `Life` in its method's row, and of an HTTP route's. A shorter deadline of the client's counts. */
  readonly unaryMs: number;
  readonly workMs: number;
  readonly reflectionMs: number;
  readonly watchMs: number;
  /** Of answers that one caller, and all callers, have not read; then they are answered no more until they have. */
  readonly unreadBytes: number;
  readonly allUnreadBytes: number;
  /** How long a streamed message may wait for a client that does not read. */
  readonly slowReaderMs: number;
}

export const defaultLimits: Limits = {
  messageBytes: 1_048_576,
  headerBytes: 16_384,
  streamsPerConnection: 1_000,
  placeMs: 500,
  connections: 1_000,
  spareConnections: 32,
  calls: 12_000,
  publicCalls: 1_000,
  probeCalls: 200,
  pendingCalls: 1_000,
  firstByteMs: 10_000,
  headersMs: 10_000,
  requestMs: 12_000,
  idleMs: 300_000,
  pingAfterMs: 20_000,
  pingTimeoutMs: 20_000,
  resetBurst: 1_300,
  resetsPerSecond: 100,
  unaryMs: 10_000,
  workMs: 150_000,
  reflectionMs: 300_000,
  watchMs: 1_800_000,
  unreadBytes: 67_108_864,
  allUnreadBytes: 201_326_592,
  slowReaderMs: 20_000,
};

/** What stock clients take in one message, less a margin for what is beside the items of an answer. */
export const answerBytes = 4_194_304 - 65_536;

/** How long a call may live: `work` follows a piece of work to its end, `watch` sends changes until the client ends it. */
export type Life = "work" | "watch" | "reflection";

/** Longest life of a call in milliseconds, by its method's row. */
export function lifeMs(life: Life | undefined, limits: Limits): number {
  return life === undefined ? limits.unaryMs : limits[`${life}Ms`];
}

/** As HTTP/2 counts the fields of a request: 32 bytes each beside their text. `rawHeaders`: names and values in turn. */
export function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length + 16;
  return bytes;
}
