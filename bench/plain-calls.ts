/** The interface of a benchmark's caller, and sequential calls. The callers are `raw-http2.ts` and `raw-http1.ts`. */
import { toBinary, type DescMessage, type DescMethod, type MessageShape } from "@bufbuild/protobuf";

export interface Caller extends Disposable {
  /** One call; resolves to the bytes of the answer, rejects unless it is a success. */
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
