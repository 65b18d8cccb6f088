/** The request of a call that has exactly one message: a gRPC frame, in pieces as they come. */
import { fromBinary, type DescMethod, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { framePrefixBytes } from "./wire.ts";

export class OneMessage {
  readonly #maxBytes: number;
  /** The received bytes, and spare capacity. */
  #buffer: Buffer = Buffer.alloc(0);
  #received = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws as soon as the bytes cannot become a message, or one within the limit. */
  take(piece: Buffer): void {
    const before = this.#received;
    this.#received += piece.length;
    // Most messages come in one piece, which is kept as it is; very many small ones must cost little more than their bytes.
    if (before === 0) this.#buffer = piece;
    else {
      if (this.#received > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer.subarray(0, before)], Math.max(this.#received, before * 2));
      piece.copy(this.#buffer, before);
    }
    if (this.#received < framePrefixBytes) return;
    const length = this.#length();
    if (length > this.#maxBytes) throw new ConnectError(`message of ${length} bytes is larger than ${this.#maxBytes}`, Code.ResourceExhausted);
    if (this.#received > framePrefixBytes + length) throw new ConnectError("there is more than one message", Code.Unimplemented);
  }

  /** The bytes of the message, once the client has sent all; throws when it is incomplete, or compressed. */
  bytes(): Uint8Array {
    if (this.#received === 0) throw new ConnectError("there is no message", Code.Unimplemented);
    if (this.#received < framePrefixBytes || this.#received < framePrefixBytes + this.#length()) {
      throw new ConnectError("the message is not whole", Code.InvalidArgument);
    }
    if (this.#buffer[0] !== 0) throw new ConnectError("the message has flags that it cannot have here", Code.InvalidArgument);
    return this.#buffer.subarray(framePrefixBytes, this.#received);
  }

  #length(): number {
    return this.#buffer.readUInt32BE(1);
  }
}

/** Throws INVALID_ARGUMENT. */
export function readMessage(method: DescMethod, bytes: Uint8Array): Message {
  try {
    return fromBinary(method.input, bytes);
  } catch (cause) {
    throw new ConnectError("the message cannot be read", Code.InvalidArgument, undefined, undefined, cause);
  }
}
