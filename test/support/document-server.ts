import type { RequestListener } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { startHttpServer } from "./http-server.ts";

/** How an instance serves its OpenAPI document under any path. */
export type DocumentAnswer =
  | { readonly body: string | Uint8Array; readonly headers?: Readonly<Record<string, string>>; readonly status?: number }
  /** Never: not a byte, or after the headers. */
  | "hang"
  | "trickle"
  /** 50 MiB, unannounced, or until the reader goes. */
  | "endless";

export interface DocumentServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** What was asked for: `GET /path, accept`. */
  readonly asked: readonly string[];
  /** Bytes handed to the socket by "endless". */
  bytesSent(): number;
  answer: DocumentAnswer;
}

/** An HTTP server on 127.0.0.1. */
export async function startDocumentServer(answer: DocumentAnswer): Promise<DocumentServer> {
  const asked: string[] = [];
  let sent = 0;
  function* spaces() {
    for (; sent < 50 << 20; sent += 65_536) yield Buffer.alloc(65_536, " ");
  }
  const listener: RequestListener = async (request, response) => {
    asked.push(`${request.method} ${request.url}, ${request.headers.accept}`);
    const how = self.answer;
    if (how === "hang") return;
    if (how === "trickle") return response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    if (how === "endless") {
      response.writeHead(200, { "content-type": "application/json" });
      await pipeline(Readable.from(spaces()), response).catch(() => undefined);
      return;
    }
    response.writeHead(how.status ?? 200, { "content-type": "application/json", ...how.headers }).end(how.body);
  };
  const server = await startHttpServer(listener);
  const self: DocumentServer = {
    host: "127.0.0.1",
    port: server.port,
    asked,
    bytesSent: () => sent,
    answer,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return self;
}
