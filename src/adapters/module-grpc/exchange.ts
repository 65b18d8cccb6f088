/**
 * One unary gRPC call over one socket. Guarantees: the promise never rejects; whatever the peer does, session and socket
 * are destroyed when it settles, and every `error` either of them can still emit has a listener; no more of the answer is
 * held than allowed. Node's own client helpers are not used because none of them gives the second guarantee: a session
 * that failed on its own emits its error after the last listener of a pool is gone, and that ends the process.
 */
import { connect, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2";
import type { Socket } from "node:net";
import { printable } from "../../log.ts";
import { createAnswerReader, frame } from "./answer.ts";
import { dialFailure } from "./dial.ts";
import { codeOf, type Outcome } from "./outcome.ts";

export interface UnaryRequest {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly authority: string;
  readonly tls: boolean;
  readonly message: Uint8Array;
  /** Told to the peer; `signal` enforces it. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

const maxHeaderBytes = 16 * 1_024;

/** `spokeHttp2`: whether the peer has shown that it speaks HTTP/2. */
export interface Exchanged {
  readonly outcome: Outcome;
  readonly spokeHttp2: boolean;
}

/** Makes the call on `socket` and destroys it. An aborted signal ends as `timeout`. */
export function exchange(socket: Socket, request: UnaryRequest, signal: AbortSignal): Promise<Exchanged> {
  return new Promise((resolve) => {
    let spokeHttp2 = false;
    const answer = createAnswerReader(request.maxAnswerBytes);
    const session = connect(`${request.tls ? "https" : "http"}://module`, {
      createConnection: () => socket,
      settings: { enablePush: false, maxHeaderListSize: maxHeaderBytes },
    });
    const stream = session.request({
      ":method": "POST",
      ":scheme": request.tls ? "https" : "http",
      ":authority": request.authority,
      ":path": request.path,
      te: "trailers",
      "content-type": "application/grpc",
      "grpc-accept-encoding": "identity",
      "grpc-timeout": `${Math.max(1, Math.floor(request.timeoutMs))}m`,
      "user-agent": "muster",
    });

    const settle = (outcome: Outcome) => {
      signal.removeEventListener("abort", aborted);
      session.destroy();
      socket.destroy();
      resolve({ outcome, spokeHttp2 });
    };
    const aborted = () => settle({ type: "timeout", detail: spokeHttp2 ? "no complete answer in time" : "connected, but no answer in time" });
    const failed = (error: unknown) => {
      const code = codeOf(error);
      if (spokeHttp2 || code !== "ERR_HTTP2_ERROR") settle(code.startsWith("ERR_HTTP2_") ? ended(stream.rstCode) : dialFailure(error, request.tls));
      else settle({ type: "wrong_protocol", detail: "what answers there does not speak HTTP/2" });
    };
    session.on("remoteSettings", () => (spokeHttp2 = true));
    session.on("error", failed).on("close", () => settle(ended(stream.rstCode)));
    stream.on("error", failed).on("close", () => settle(ended(stream.rstCode)));
    stream.on("response", (headers, _flags, raw) => {
      const outcome = tooManyBytes(raw) ?? statusOf(headers, answer.message()) ?? notGrpc(headers);
      if (outcome) settle(outcome);
    });
    stream.on("data", (chunk: Buffer) => {
      const failure = answer.push(chunk);
      if (failure) settle(failure);
    });
    stream.on("trailers", (trailers, _flags, raw) => {
      const outcome = tooManyBytes(raw) ?? statusOf(trailers, answer.message());
      if (outcome) settle(outcome);
    });
    // A stream that is cut off ends as well.
    stream.on("end", () => {
      settle(session.destroyed || stream.rstCode ? ended(stream.rstCode) : { type: "malformed", detail: "the answer ended without a gRPC status" });
    });
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
    else stream.end(frame(request.message));
  });
}

function ended(rstCode: number | undefined): Outcome {
  // Our own reset of an answer that has too many headers to count.
  if (rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) return { type: "too_large", detail: "the answer has too many headers" };
  return { type: "unreachable", detail: `the connection ended before the answer${rstCode ? ` (HTTP/2 code ${rstCode})` : ""}` };
}

/** Node tells the peer the limit, but takes larger lists (64 KiB, 128 pairs) all the same. */
function tooManyBytes(raw: readonly string[]): Outcome | undefined {
  const bytes = raw.reduce((sum, part) => sum + part.length, 0);
  return bytes > maxHeaderBytes ? { type: "too_large", detail: `the answer's headers have ${bytes} bytes, at most ${maxHeaderBytes} are allowed` } : undefined;
}

/** What the call came to, if these headers or trailers say so. */
function statusOf(headers: IncomingHttpHeaders, message: Uint8Array | undefined): Outcome | undefined {
  const status = headers["grpc-status"];
  if (typeof status !== "string") return undefined;
  const code = /^\d{1,4}$/.test(status) ? Number(status) : 2;
  if (code !== 0) return { type: "status", code, text: statusText(headers["grpc-message"]) };
  return message ? { type: "answer", message } : { type: "malformed", detail: "the answer is OK without a whole message" };
}

function statusText(encoded: string | string[] | undefined): string {
  const text = typeof encoded === "string" ? encoded.slice(0, 2_000) : "";
  const bytes = Buffer.from(
    text.replace(/%([0-9a-fA-F]{2})/g, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  return printable(bytes.toString("utf8"), 200);
}

/** As gRPC maps the answers of HTTP servers and proxies that know nothing of it. */
function notGrpc(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): Outcome | undefined {
  const status = headers[":status"];
  const detail = `HTTP ${printable(String(status), 8)} without a gRPC status`;
  if (status === 404) return { type: "status", code: 12, text: detail };
  if (status === 429 || status === 502 || status === 503 || status === 504) return { type: "status", code: 14, text: detail };
  const isGrpc = /^application\/grpc(?:$|[+;])/.test(headers["content-type"] ?? "");
  if (status === 200 && isGrpc) return undefined;
  return { type: "wrong_protocol", detail: `HTTP/2, but not gRPC: ${detail}` };
}
