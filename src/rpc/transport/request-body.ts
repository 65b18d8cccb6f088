import { Code, ConnectError } from "@connectrpc/connect";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { HttpRequest } from "./send-answer.ts";

/** The request's bytes as they come; fails with DEADLINE_EXCEEDED when they are not complete within `ms`. */
export async function* bodyWithin(request: HttpRequest, ms: number): AsyncGenerator<Uint8Array> {
  const late = AbortSignal.timeout(ms);
  // A client of HTTP/1.1 may send its next request behind one that was refused in its middle: the rest of it is drained once
  // the answer has left, which takes a request that is not destroyed and has no reader.
  const chunks = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const next = await orAborted(chunks.next(), late).catch((error: unknown) => {
        if (!late.aborted) throw error;
        throw new ConnectError("the request did not arrive in time", Code.DeadlineExceeded);
      });
      if (next.done) return;
      yield next.value as Uint8Array;
    }
  } finally {
    chunks.return?.().catch(() => undefined);
  }
}

/** All bytes of the request; undefined when there are more than `maxBytes`, of which no more than that is kept. Fails as `bodyWithin`. */
export async function wholeBody(request: HttpRequest, maxBytes: number, ms: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers["content-length"]) > maxBytes) return undefined;
  const chunks: Uint8Array[] = [];
  const body = bodyWithin(request, ms);
  for (let bytes = 0; ;) {
    const next = await body.next();
    if (next.done) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    bytes += next.value.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(next.value);
  }
}
