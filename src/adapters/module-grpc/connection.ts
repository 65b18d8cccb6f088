/**
 * The client's side of one HTTP/2 connection with one request: what a peer may send is turned into headers, data and
 * ends of stream 1, as values; sockets and gRPC are not known here. It holds no more than one frame and one header block.
 */
import { contentOf, createFrameReader, encodeFrame, type Frame, frameFlags, frameTypes } from "./frames.ts";
import { createHeaderDecoder, encodeHeaders, type Header } from "./hpack.ts";

export type PeerEvent =
  | { readonly type: "headers"; readonly headers: ReadonlyMap<string, string>; readonly last: boolean }
  /** Valid only until the next event. */
  | { readonly type: "data"; readonly data: Uint8Array; readonly last: boolean }
  /** To be sent back immediately. */
  | { readonly type: "reply"; readonly frame: Buffer }
  /** The peer ends the stream or the connection with this HTTP/2 error code. */
  | { readonly type: "ended"; readonly code: number }
  /** Nothing after this can be parsed. */
  | { readonly type: "malformed" | "headers_too_large" };

export interface Connection {
  readonly receive: (chunk: Uint8Array) => Generator<PeerEvent>;
  /** Whether the peer has shown that it uses HTTP/2. */
  readonly understood: () => boolean;
}

const stream = 1;
/** Frames of any type on one connection; more are a flood. The largest answer takes a few hundred. */
const maxFrames = 20_000;
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const settings = { enablePush: 2, initialWindowSize: 4, maxHeaderListSize: 6 } as const;

/**
 * All that is sent unprompted: preface, settings, windows as large as the largest answer (so that none needs to be
 * enlarged later), the request.
 */
export function openingBytes(request: {
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
  readonly window: number;
  readonly maxHeaderBytes: number;
}): Buffer {
  const window = Buffer.alloc(4);
  window.writeUInt32BE(request.window);
  return Buffer.concat([
    preface,
    encodeFrame(
      frameTypes.settings,
      0,
      0,
      Buffer.concat([
        setting(settings.enablePush, 0),
        setting(settings.initialWindowSize, request.window),
        setting(settings.maxHeaderListSize, request.maxHeaderBytes),
      ]),
    ),
    encodeFrame(frameTypes.windowUpdate, 0, 0, window),
    encodeFrame(frameTypes.headers, frameFlags.endHeaders, stream, encodeHeaders(request.headers)),
    encodeFrame(frameTypes.data, frameFlags.endStream, stream, request.body),
  ]);
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** The final frames to a peer that has answered. */
export const farewell: Uint8Array = encodeFrame(frameTypes.goAway, 0, 0, Buffer.alloc(8));

export function createConnection(maxHeaderBytes: number): Connection {
  const reader = createFrameReader();
  const decode = createHeaderDecoder(maxHeaderBytes);
  let understood = false;
  let frames = 0;
  /** The header block whose end has not come yet. */
  let block: { bytes: Buffer; readonly last: boolean } | undefined;

  function* headerPart(part: Buffer | undefined, flags: number): Generator<PeerEvent> {
    if (!block || !part) return yield { type: "malformed" };
    if (block.bytes.length + part.length > maxHeaderBytes) return yield { type: "headers_too_large" };
    block.bytes = Buffer.concat([block.bytes, part]);
    if (!(flags & frameFlags.endHeaders)) return;
    const headers = decode(block.bytes);
    const { last } = block;
    block = undefined;
    if (headers === "malformed") yield { type: "malformed" };
    else if (headers === "too_large") yield { type: "headers_too_large" };
    else yield { type: "headers", headers: new Map(headers), last };
  }

  function* reply(frame: Frame): Generator<PeerEvent> {
    if (frame.flags & frameFlags.ack) return;
    const payload = frame.type === frameTypes.ping ? frame.payload : Buffer.alloc(0);
    yield { type: "reply", frame: encodeFrame(frame.type, frameFlags.ack, 0, payload) };
  }

  function* take(frame: Frame): Generator<PeerEvent> {
    const onStream = frame.stream === stream;
    if (block && (frame.type !== frameTypes.continuation || !onStream)) return yield { type: "malformed" };
    switch (frame.type) {
      case frameTypes.settings:
      case frameTypes.ping:
        return yield* reply(frame);
      case frameTypes.headers:
        if (!onStream) return yield { type: "malformed" };
        block = { bytes: Buffer.alloc(0), last: (frame.flags & frameFlags.endStream) !== 0 };
        return yield* headerPart(contentOf(frame), frame.flags);
      case frameTypes.continuation:
        return yield* headerPart(frame.payload, frame.flags);
      case frameTypes.data: {
        const data = onStream ? contentOf(frame) : undefined;
        return yield data ? { type: "data", data, last: (frame.flags & frameFlags.endStream) !== 0 } : { type: "malformed" };
      }
      case frameTypes.resetStream:
        if (frame.payload.length !== 4 || !onStream) return yield { type: "malformed" };
        return yield { type: "ended", code: frame.payload.readUInt32BE() };
      case frameTypes.goAway:
        if (frame.payload.length < 8) return yield { type: "malformed" };
        // A peer that only takes no further requests still answers ours.
        if (frame.payload.readUInt32BE() >= stream && frame.payload.readUInt32BE(4) === 0) return;
        return yield { type: "ended", code: frame.payload.readUInt32BE(4) };
      case frameTypes.pushPromise:
        return yield { type: "malformed" };
    }
  }

  return {
    understood: () => understood,
    receive: function* (chunk) {
      for (const frame of reader.read(chunk)) {
        frames += 1;
        if (frame === "malformed" || frames > maxFrames) return yield { type: "malformed" };
        understood = true;
        yield* take(frame);
      }
    },
  };
}
