/** HTTP/2 by hand, for clients that do what no library does. */

/** What a client sends first: the preface, and settings that change nothing. */
export const opening: Buffer = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), h2Frame(4, 0, 0)]);

export function h2Frame(type: number, flags: number, stream: number, body = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** The headers of a gRPC call, without its message. */
export function callHeaders(stream: number, path: string): Buffer {
  const literal = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const fields = [literal(":path", path), literal(":authority", "a"), literal("content-type", "application/grpc"), literal("te", "trailers")];
  // POST and http are entries 3 and 6 of the static table.
  return h2Frame(1, 4, stream, Buffer.concat([Buffer.from([0x83, 0x86]), ...fields]));
}

export function resetFrame(stream: number, code: number): Buffer {
  return h2Frame(3, 0, stream, Buffer.from([0, 0, 0, code]));
}
