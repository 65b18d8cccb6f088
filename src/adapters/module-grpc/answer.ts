/** Reads the body of a unary gRPC answer: exactly one message, not compressed, refused by its announced length. */
import type { Failed } from "./outcome.ts";

const prefixBytes = 5;

export interface AnswerReader {
  /** Accepts the next bytes; a failure is final. */
  readonly push: (chunk: Uint8Array) => Failed | undefined;
  /** The whole message, once there is one. */
  readonly message: () => Uint8Array | undefined;
}

/** A reader that holds at most `maxBytes`, in one piece however small the chunks are. */
export function createAnswerReader(maxBytes: number): AnswerReader {
  const prefix = new Uint8Array(prefixBytes);
  let body: Uint8Array | undefined;
  let received = 0;
  return {
    push: (chunk) => {
      let rest = chunk;
      if (received < prefixBytes) {
        const head = rest.subarray(0, prefixBytes - received);
        prefix.set(head, received);
        received += head.length;
        rest = rest.subarray(head.length);
        if (received < prefixBytes) return undefined;
        const length = new DataView(prefix.buffer).getUint32(1);
        if (prefix[0] !== 0)
          return { type: "malformed", detail: prefix[0] === 1 ? "the answer is compressed, which was not offered" : "the answer is not a gRPC message" };
        if (length > maxBytes) return { type: "too_large", detail: `the answer has ${length} bytes, at most ${maxBytes} are allowed` };
        body = new Uint8Array(length);
      }
      if (!body || rest.length === 0) return undefined;
      const at = received - prefixBytes;
      if (at + rest.length > body.length) return { type: "malformed", detail: "the answer is more than one message" };
      body.set(rest, at);
      received += rest.length;
      return undefined;
    },
    message: () => (body && received === prefixBytes + body.length ? body : undefined),
  };
}

/** `message` as the one message of a request. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, prefixBytes);
  return framed;
}
