/** The request of a call that has exactly one message: a gRPC frame, in pieces as they come. */
import { Code, ConnectError } from "@connectrpc/connect";
import { framePrefixBytes } from "./wire.ts";

export class OneMessage {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #received = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws as soon as it is clear that this will be no message, or one that is too large. */
  take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#received += piece.length;
    if (this.#received < framePrefixBytes) return;
    if (this.#pieces[0]!.length < framePrefixBytes) this.#pieces = [Buffer.concat(this.#pieces)];
    const length = this.#pieces[0]!.readUInt32BE(1);
    if (length > this.#maxBytes) throw new ConnectError(`message of ${length} bytes is larger than ${this.#maxBytes}`, Code.ResourceExhausted);
    if (this.#received > framePrefixBytes + length) throw new ConnectError("there is more than one message", Code.Unimplemented);
  }

  /** The bytes of the message, once the client has sent all; throws when it is not whole, or not plain. */
  bytes(): Uint8Array {
    const frame = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    if (frame.length === 0) throw new ConnectError("there is no message", Code.Unimplemented);
    if (frame.length < framePrefixBytes || frame.length < framePrefixBytes + frame.readUInt32BE(1)) {
      throw new ConnectError("the message is not whole", Code.InvalidArgument);
    }
    if (frame[0] !== 0) throw new ConnectError("the message has flags that it cannot have here", Code.InvalidArgument);
    return frame.subarray(framePrefixBytes);
  }
}
