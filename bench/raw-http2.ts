/**
 * gRPC calls on one HTTP/2 connection at minimal cost: the same bytes for every call except the stream's number, and of the
 * answer only what identifies a success (RFC 9113 for frames, RFC 7541 for the header block). For benches, where a
 * client as slow as the server would hide the server's speed.
 */
import { connect, type Socket } from "node:net";
import { encodeFrame, frameFlags, frameTypes } from "../src/adapters/module-grpc/frames.ts";
import type { Caller } from "./plain-calls.ts";

interface Waiting {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly chunks: Buffer[];
}

const frameHead = 9;
const largestWindow = 2 ** 31 - 1;
const firstWindow = 65_535;
const refillBytes = 1 << 28;

/** `message` has its gRPC prefix. */
export function openRawHttp2(address: string, path: string, message: Buffer): Caller {
  const [host = "", port = ""] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  const request = Buffer.concat([
    encodeFrame(frameTypes.headers, frameFlags.endHeaders, 0, headerBlock(address, path)),
    encodeFrame(frameTypes.data, frameFlags.endStream, 0, message),
  ]);
  const dataAt = frameHead + request.readUIntBE(0, 3);
  const waiting = new Map<number, Waiting>();
  let lastStream = -1;
  let unread: Buffer = Buffer.alloc(0);
  let sinceRefill = 0;

  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the connection was closed")));
  socket.on("data", (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    let at = 0;
    while (unread.length - at >= frameHead) {
      const end = at + frameHead + unread.readUIntBE(at, 3);
      if (unread.length < end) break;
      take(unread[at + 3]!, unread[at + 4]!, unread.readUInt32BE(at + 5) & largestWindow, unread.subarray(at + frameHead, end), socket);
      at = end;
    }
    unread = unread.subarray(at);
  });
  const settings = Buffer.from([0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(Buffer.concat([encodeFrame(frameTypes.settings, 0, 0, settings), windowUpdate(largestWindow - firstWindow)]));

  function take(kind: number, flags: number, stream: number, payload: Buffer, to: Socket): void {
    const one = waiting.get(stream);
    if (kind === frameTypes.data) {
      one?.chunks.push(payload);
      sinceRefill += payload.length;
      if (sinceRefill >= refillBytes) {
        to.write(windowUpdate(sinceRefill));
        sinceRefill = 0;
      }
    } else if (kind === frameTypes.settings && (flags & frameFlags.ack) === 0) to.write(encodeFrame(frameTypes.settings, frameFlags.ack, 0, Buffer.alloc(0)));
    else if (kind === frameTypes.ping && (flags & frameFlags.ack) === 0) to.write(encodeFrame(frameTypes.ping, frameFlags.ack, 0, payload));
    else if (kind === frameTypes.goAway || kind === frameTypes.resetStream) return fail(new Error("the server ended the stream or the connection"));
    if (!one || (flags & frameFlags.endStream) === 0 || (kind !== frameTypes.headers && kind !== frameTypes.data)) return;
    waiting.delete(stream);
    // An error is only headers.
    if (one.chunks.length === 0) one.reject(new Error("the answer has no message"));
    else one.resolve(one.chunks.length === 1 ? one.chunks[0]! : Buffer.concat(one.chunks));
  }

  return {
    call: () =>
      new Promise((resolve, reject) => {
        lastStream += 2;
        waiting.set(lastStream, { resolve, reject, chunks: [] });
        const bytes = Buffer.from(request);
        bytes.writeUInt32BE(lastStream, 5);
        bytes.writeUInt32BE(lastStream, dataAt + 5);
        socket.write(bytes);
      }),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return encodeFrame(frameTypes.windowUpdate, 0, 0, payload);
}

/** None of it enters a table of the connection, so that it means the same every time. Names by their number in the static table. */
function headerBlock(authority: string, path: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  if (path.length > 126) throw new Error("the path is too long for a length of one byte");
  return Buffer.concat([
    Buffer.of(0x83, 0x86), // :method POST, :scheme http
    Buffer.of(0x01),
    text(authority),
    Buffer.of(0x04),
    text(path),
    Buffer.of(0x0f, 0x10), // content-type
    text("application/grpc+proto"),
    Buffer.of(0x00),
    text("te"),
    text("trailers"),
  ]);
}
