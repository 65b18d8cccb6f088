/**
 * gRPC calls on one HTTP/2 connection at next to no cost: the same bytes for every call but for the stream's number, and of the
 * answer only what is needed to tell that it is one (RFC 9113 for frames, RFC 7541 for the header block). For benches, where a
 * client that takes as long as the server would hide it.
 */
import { connect, type Socket } from "node:net";
import type { Caller } from "./plain-calls.ts";

interface Waiting {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly chunks: Buffer[];
}

const frameHead = 9;
const type = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const flag = { ack: 1, endStream: 1, endHeaders: 4 } as const;
const largestWindow = 2 ** 31 - 1;
const firstWindow = 65_535;
const refillBytes = 1 << 28;

/** `message` has its gRPC prefix. */
export function openRawHttp2(address: string, path: string, message: Buffer): Caller {
  const [host = "", port = ""] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  const request = Buffer.concat([frame(type.headers, flag.endHeaders, 0, headerBlock(address, path)), frame(type.data, flag.endStream, 0, message)]);
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
  socket.write(Buffer.concat([frame(type.settings, 0, 0, settings), windowUpdate(largestWindow - firstWindow)]));

  function take(kind: number, flags: number, stream: number, payload: Buffer, to: Socket): void {
    const one = waiting.get(stream);
    if (kind === type.data) {
      one?.chunks.push(payload);
      sinceRefill += payload.length;
      if (sinceRefill >= refillBytes) {
        to.write(windowUpdate(sinceRefill));
        sinceRefill = 0;
      }
    } else if (kind === type.settings && (flags & flag.ack) === 0) to.write(frame(type.settings, flag.ack, 0));
    else if (kind === type.ping && (flags & flag.ack) === 0) to.write(frame(type.ping, flag.ack, 0, payload));
    else if (kind === type.goAway || kind === type.reset) return fail(new Error("the server ended the stream or the connection"));
    if (!one || (flags & flag.endStream) === 0 || (kind !== type.headers && kind !== type.data)) return;
    waiting.delete(stream);
    // An error is nothing but headers.
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

function frame(kind: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(frameHead);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(type.windowUpdate, 0, 0, payload);
}

/** Nothing of it enters a table of the connection, so that it means the same every time. Names by their number in the static table. */
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
