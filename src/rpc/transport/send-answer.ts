/**
 * Complete answers to HTTP requests.
 *
 * Guarantees: never cached, never sniffed, without its body for HEAD; one that its client has not read within the limit
 * for slow readers is aborted, so that no unread answer is kept for longer.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { HttpAnswer } from "./http-route.ts";
import type { SlowReaders } from "./slow-readers.ts";

export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** Writes the answer, unless the request is gone. `onDrop` is called when its reader is disconnected. */
export type SendAnswer = (request: HttpRequest, response: HttpResponse, answer: HttpAnswer, onDrop?: () => void) => void;

export function createSendAnswer(slowReaders: SlowReaders): SendAnswer {
  return (request, response, answer, onDrop) => {
    if (isGone(response)) return;
    const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
    const headers = {
      "content-type": answer.contentType,
      "content-length": String(body.byteLength),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...answer.headers,
    };
    response.statusCode = answer.status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const release = slowReaders.hold(() => {
      onDrop?.();
      dropReader(response);
    });
    response.once("close", release);
    if (request.method === "HEAD") response.end();
    else response.end(body);
  };
}

/** Disconnects a client that does not read: over HTTP/2 with ENHANCE_YOUR_CALM. */
export function dropReader(response: HttpResponse): void {
  if ("stream" in response) response.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else response.destroy();
}

/** True after its `close`, with which a request ends. */
export function isGone(response: HttpResponse): boolean {
  return "stream" in response ? response.stream.destroyed : response.destroyed;
}

/** After its `close`: true when the whole answer has left. */
export function hasLeft(response: HttpResponse): boolean {
  if (!("stream" in response)) return response.writableFinished;
  const { stream } = response;
  return stream.writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR;
}
