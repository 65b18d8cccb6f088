/**
 * One unary gRPC call over one socket. Guarantees: the promise never rejects; for any behaviour of the peer, the socket is
 * destroyed when it settles, and no more of the answer is held than allowed.
 *
 * Node's own HTTP/2 client is not used because a hostile peer can end the process through it: headers that it refuses
 * (more than 128 of them) stay with the stream, and if the session is collected first, a native assertion aborts; no order of closing prevents that when GOAWAY comes in the same packet. A single call needs little of
 * the protocol, and in JavaScript the worst case is an exception.
 */
import type { Socket } from "node:net";
import { createAnswerReader, frame } from "./answer.ts";
import { createConnection, farewell, openingBytes, type PeerEvent } from "./connection.ts";
import { dialFailure } from "./dial.ts";
import type { Outcome } from "./outcome.ts";
import { httpOutcome, statusOutcome } from "./status.ts";

export interface UnaryRequest {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly authority: string;
  readonly tls: boolean;
  readonly message: Uint8Array;
  /** Sent to the peer; `signal` enforces it. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** `spokeHttp2`: whether the peer has shown that it uses HTTP/2. */
export interface Exchanged {
  readonly outcome: Outcome;
  readonly spokeHttp2: boolean;
}

const maxHeaderBytes = 16 * 1_024;
/** For frames' padding and the message's own prefix. */
const windowSlack = 64 * 1_024;

/** Makes the call on `socket` and destroys it. An aborted signal ends as `timeout`. */
export function exchange(socket: Socket, request: UnaryRequest, signal: AbortSignal): Promise<Exchanged> {
  return new Promise((resolve) => {
    const connection = createConnection(maxHeaderBytes);
    const understand = createUnderstanding(request.maxAnswerBytes);
    const settle = (outcome: Outcome) => {
      signal.removeEventListener("abort", aborted);
      socket.off("data", received);
      if (outcome.type === "answer" || outcome.type === "status") socket.write(farewell);
      socket.destroy();
      resolve({ outcome, spokeHttp2: connection.understood() });
    };
    const aborted = () => settle({ type: "timeout", detail: connection.understood() ? "no complete answer in time" : "connected, but no answer in time" });
    const ended = () => settle({ type: "unreachable", detail: "the connection ended before the answer" });
    const received = (chunk: Buffer) => {
      for (const event of connection.receive(chunk)) {
        if (event.type === "reply") {
          socket.write(event.frame);
          continue;
        }
        const outcome = event.type === "malformed" && !connection.understood() ? notHttp2 : understand(event);
        if (outcome) return settle(outcome);
      }
    };
    socket.on("data", received).on("end", ended).on("close", ended);
    socket.on("error", (error) => settle(dialFailure(error, request.tls)));
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
    else
      socket.write(openingBytes({ headers: headersOf(request), body: frame(request.message), window: request.maxAnswerBytes + windowSlack, maxHeaderBytes }));
  });
}

const notHttp2: Outcome = { type: "wrong_protocol", detail: "what answers there does not speak HTTP/2" };

function headersOf(request: UnaryRequest): [string, string][] {
  return [
    [":method", "POST"],
    [":scheme", request.tls ? "https" : "http"],
    [":path", request.path],
    [":authority", request.authority],
    ["te", "trailers"],
    ["content-type", "application/grpc"],
    ["grpc-accept-encoding", "identity"],
    ["grpc-timeout", `${Math.max(1, Math.floor(request.timeoutMs))}m`],
    ["user-agent", "muster"],
  ];
}

/** Follows the answer event by event, and returns the outcome as soon as it is decided. */
function createUnderstanding(maxAnswerBytes: number): (event: Exclude<PeerEvent, { type: "reply" }>) => Outcome | undefined {
  const answer = createAnswerReader(maxAnswerBytes);
  let begun = false;
  return (event) => {
    switch (event.type) {
      case "headers": {
        const status = event.headers.get(":status");
        if (!begun && status?.startsWith("1")) return undefined;
        const outcome = statusOutcome(event.headers, answer.message()) ?? (begun ? undefined : httpOutcome(event.headers));
        begun = true;
        return outcome ?? (event.last ? withoutStatus : undefined);
      }
      case "data":
        if (!begun) return { type: "malformed", detail: "the answer begins without headers" };
        return answer.push(event.data) ?? (event.last ? withoutStatus : undefined);
      case "ended":
        return { type: "unreachable", detail: `the peer ended the call (HTTP/2 code ${event.code})` };
      case "headers_too_large":
        return { type: "too_large", detail: `the answer's headers have more than ${maxHeaderBytes} bytes` };
      case "malformed":
        return { type: "malformed", detail: "the answer breaks the rules of HTTP/2" };
    }
  };
}

const withoutStatus: Outcome = { type: "malformed", detail: "the answer ended without a gRPC status" };
