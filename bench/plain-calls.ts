/** The cheapest callers there are for both sides, so that what is compared are the servers: gRPC on one HTTP/2 connection, HTTP on kept ones. */
import { Agent, request } from "node:http";
import http2 from "node:http2";
import { toBinary, type DescMessage, type DescMethod, type MessageShape } from "@bufbuild/protobuf";

export interface Caller extends Disposable {
  /** One call; resolves to the bytes of the answer, rejects unless it is good. */
  call(): Promise<Buffer>;
}

/** A gRPC message with its prefix. */
export function framed<I extends DescMessage>(schema: I, message: MessageShape<I>): Buffer {
  const body = toBinary(schema, message);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export const grpcHeaders = (path: string) => ({ ":method": "POST", ":path": path, "content-type": "application/grpc+proto", te: "trailers" });

export function grpcCaller(address: string, path: string, message: Buffer): Caller {
  const session = http2.connect(`http://${address}`, { settings: { initialWindowSize: 16 << 20 } });
  session.once("connect", () => session.setLocalWindowSize(16 << 20));
  return {
    call: () =>
      new Promise((resolve, reject) => {
        const stream = session.request(grpcHeaders(path));
        const chunks: Buffer[] = [];
        let status = "";
        stream.on("response", (headers) => (status = String(headers["grpc-status"] ?? "")));
        stream.on("trailers", (headers) => (status = String(headers["grpc-status"])));
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("error", reject);
        stream.on("end", () => (status === "0" ? resolve(Buffer.concat(chunks)) : reject(new Error(`grpc-status ${status}`))));
        stream.end(message);
      }),
    [Symbol.dispose]: () => session.close(),
  };
}

export function httpCaller(url: string): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return {
    call: () =>
      new Promise((resolve, reject) => {
        const outgoing = request(url, { agent }, (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => (response.statusCode === 200 ? resolve(Buffer.concat(chunks)) : reject(new Error(`HTTP ${response.statusCode}`))));
        });
        outgoing.on("error", reject);
        outgoing.end();
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** `lanes` callers one call after another until `ms` are over: how long each call took, in milliseconds. */
export async function loop(caller: Caller, lanes: number, ms: number): Promise<readonly number[]> {
  const took: number[] = [];
  const end = performance.now() + ms;
  const lane = async () => {
    for (let startedAt = performance.now(); startedAt < end;) {
      await caller.call();
      const now = performance.now();
      took.push(now - startedAt);
      startedAt = now;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return took;
}
