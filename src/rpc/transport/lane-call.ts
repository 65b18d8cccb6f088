/**
 * One call on the fast lane, from its headers to its status.
 *
 * Guarantees, the same as for the long way: it is admitted before its message is read; while the gate has
 * not answered, its deadline runs, it can be cancelled, and no more is buffered than flow control let the client send; it is
 * answered within its deadline, and once, also when gate or handler is stuck; a message too large is refused at its first
 * bytes; a stream suspends its handler while 4 KiB or more wait to be sent, and ends for a client that does not read; the signal
 * of a handler aborts when the call is over. It is reported once, when its stream is closed.
 *
 * A class with fields and little else: ten thousand of them wait at a time. For the same reason one timer serves a call all
 * its life, and the signal is made only for a handler that uses it.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Ids } from "../../kernel/ports.ts";
import { admissionOf, nobody, shareOfCall, type Admission, type Gate } from "../platform/auth.ts";
import { reportEnd, type CallReport } from "./call-end.ts";
import { newCall, type Call } from "./call.ts";
import { callCancelled, callLate, readerTooSlow, toFailure } from "../platform/errors.ts";
import { LaneContext } from "./lane-context.ts";
import type { Limits } from "./limits.ts";
import { OneMessage, readMessage } from "./one-message.ts";
import type { OpenCalls } from "./open-calls.ts";
import type { Answer, OneMessageMethod } from "./served.ts";
import type { SlowReaders } from "./slow-readers.ts";
import type { Principal } from "../../kernel/caller.ts";
import type { UnreadAnswers } from "./unread-answers.ts";
import { ownBytes, statusFields } from "./wire.ts";

export interface LaneCallOptions extends CallReport {
  readonly gate: Gate;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly slowReaders: SlowReaders;
  readonly openCalls: OpenCalls;
  readonly unread: UnreadAnswers;
  /** Makes the frame of an answer, in one or more pieces. */
  readonly frame: (method: DescMethod, answer: Answer) => readonly Uint8Array[];
}

/** Messages of a stream wait together up to this size; then its handler waits until they have left. */
const togetherBytes = 4_096;
/** How long after its deadline a call may take to leave. */
const farewellMs = 1_000;

export class LaneCall {
  readonly served: OneMessageMethod;
  readonly headers: IncomingHttpHeaders;
  readonly call: Call;
  readonly #stream: ServerHttp2Stream;
  readonly #options: LaneCallOptions;
  readonly #endsAt: number;
  readonly #context = new LaneContext(this);
  #principal: Principal = nobody;
  #timer: NodeJS.Timeout;
  /** From the admission until it is read. */
  #request: OneMessage | undefined;
  #messages: AsyncIterator<Answer> | undefined;
  #controller: AbortController | undefined;
  /** Its status is decided, or its client is gone: nothing more is done. */
  #over = false;
  #isLate = false;

  /** `lifeMs`: the shorter of the client's and the server's deadline. */
  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, served: OneMessageMethod, lifeMs: number, options: LaneCallOptions) {
    this.served = served;
    this.headers = headers;
    this.call = newCall({ target: served, socket: stream.session?.socket, headers, startedAt: options.clock.now(), isJson: false });
    this.#stream = stream;
    this.#options = options;
    this.#endsAt = this.call.startedAt + lifeMs;
    const admission = admissionOf(options.gate, served, headers, this.call.spiffeId);
    const isPending = admission instanceof Promise;
    this.#timer = setTimeout(() => this.#late(), isPending ? lifeMs : Math.min(lifeMs, options.limits.requestMs));
    stream.on("error", ignore);
    stream.once("close", () => this.#closed());
    if (!isPending) this.#admit(admission);
    else {
      options.openCalls.begin(stream);
      admission.then((given) => this.#admitLater(given)).catch((error: unknown) => this.end(error));
    }
  }

  get method(): DescMethod {
    return this.served.desc;
  }

  get principal(): Principal {
    return this.#principal;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over) this.#controller.abort(over);
    return this.#controller.signal;
  }

  /** Nothing can be sent any more; that its stream is closed may be still to be told. */
  get #isGone(): boolean {
    return this.#over || this.#stream.destroyed || this.#stream.closed;
  }

  share(): string {
    return shareOfCall(this.#principal, this.call.peer);
  }

  leftMs(): number {
    return Math.max(0, this.#endsAt - this.#options.clock.now());
  }

  /** Answers with the status of the error, unless the call is over. */
  end(error: unknown): void {
    if (this.#over) return;
    const failure = (this.call.failure ??= toFailure(error, this.#options.ids));
    this.#finish({ ...this.#context.addedTrailer, ...statusFields(failure.error) });
    this.#letGo(error);
  }

  #admit({ principal, refusal }: Admission): void {
    this.#principal = principal;
    this.call.principal = principal.name || undefined;
    const { openCalls } = this.#options;
    const reason = refusal ?? openCalls.admit(this.#stream, this.served, this.share());
    if (reason) {
      this.end(reason);
      return;
    }
    this.#request = new OneMessage(this.#options.limits.messageBytes);
    this.#stream.on("data", (piece: Buffer) => this.#take(piece));
    this.#stream.once("end", () => this.#begin());
  }

  #admitLater(admission: Admission): void {
    if (this.#over) return;
    this.#timeAgain(Math.min(this.leftMs(), this.#options.limits.requestMs));
    this.#admit(admission);
  }

  #take(piece: Buffer): void {
    try {
      this.#request?.take(piece);
    } catch (error) {
      this.end(error);
    }
  }

  #begin(): void {
    if (this.#isGone || !this.#request) return;
    if (this.leftMs() > this.#options.limits.requestMs) this.#timeAgain(this.leftMs());
    try {
      const request = readMessage(this.method, this.#request.bytes());
      this.#request = undefined;
      const { served } = this;
      const unread = this.#options.unread.refusal(this);
      if (unread) return this.end(unread);
      if (served.answers === "many") return void this.#sendAll(served.call(request, this.#context));
      const answer = served.call(request, this.#context);
      if (answer instanceof Promise) answer.then((value) => this.#answer(value)).catch((error: unknown) => this.end(error));
      else this.#answer(answer);
    } catch (error) {
      this.end(error);
    }
  }

  #answer(answer: Answer): void {
    if (this.#isGone) return;
    const { unread, frame: make } = this.#options;
    const frame = make(this.method, answer);
    const bytes = ownBytes(answer, frame);
    // Others may have been answered while the handler worked.
    const refusal = unread.refusal(this, bytes);
    if (refusal) return this.end(refusal);
    const read = unread.keep(this, bytes);
    if (read) this.#stream.once("close", read);
    this.#respond();
    for (const piece of frame) this.#stream.write(piece);
    this.#succeed();
  }

  async #sendAll(messages: AsyncIterable<Answer>): Promise<void> {
    try {
      this.#messages = messages[Symbol.asyncIterator]();
      for (;;) {
        const next = await this.#messages.next();
        if (this.#isGone) return;
        if (next.done) return this.#succeed();
        const frame = this.#options.frame(this.method, next.value);
        const bytes = ownBytes(next.value, frame);
        const unread = this.#options.unread.refusal(this, bytes);
        if (unread) return this.end(unread);
        const sent = this.#send(frame, bytes);
        if (this.#stream.writableLength >= togetherBytes) await sent;
      }
    } catch (error) {
      this.end(error);
    }
  }

  /** Resolves when the frame has left, or never will. What is sent in the same turn of the event loop leaves with it. */
  #send(frame: readonly Uint8Array[], bytes: number): Promise<void> {
    if (!this.#stream.headersSent) this.#respond();
    if (this.#stream.writableCorked === 0) {
      this.#stream.cork();
      process.nextTick(() => this.#stream.uncork());
    }
    return new Promise((resolve) => {
      const release = this.#options.slowReaders.hold(() => this.#dropReader());
      const read = this.#options.unread.keep(this, bytes);
      let left = frame.length;
      const done = () => {
        if ((left -= 1) > 0) return;
        release();
        read?.();
        resolve();
      };
      for (const piece of frame) this.#stream.write(piece, done);
    });
  }

  #dropReader(): void {
    this.call.failure ??= toFailure(readerTooSlow(this.#options.limits.slowReaderMs), this.#options.ids);
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #respond(): void {
    this.#stream.respond({ ...answerHeaders, ...this.#context.addedHeader }, { waitForTrailers: true });
  }

  #succeed(): void {
    this.#finish({ ...this.#context.addedTrailer, ...ok });
    this.#letGo(over);
  }

  /**
   * With what was sent so far, and a status. An answer of nothing but a status is one block of headers; fields that the handler
   * has set go in a block before it, because clients take all of a single block for trailers.
   */
  #finish(status: Readonly<Record<string, string>>): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    if (!stream.headersSent && this.#context.hasAddedHeader) this.#respond();
    // What the client still sends is not read; without a reset it would hold the stream open.
    const rest = () => void setImmediate(() => stream.readableEnded || stream.close(constants.NGHTTP2_NO_ERROR));
    stream.resume();
    if (stream.headersSent) {
      stream.once("wantTrailers", () => {
        stream.sendTrailers(status);
        rest();
      });
      stream.end();
    } else {
      stream.respond({ ...answerHeaders, ...status }, { endStream: true });
      rest();
    }
  }

  #letGo(reason: unknown): void {
    this.#over = true;
    this.#request = undefined;
    this.#controller?.abort(reason);
    // Not awaited: a stuck handler would never finish.
    this.#messages?.return?.().catch(ignore);
  }

  #late(): void {
    if (this.#isLate) return void this.#stream.destroy();
    this.#isLate = true;
    this.#timeAgain(farewellMs);
    this.end(this.#request ? new ConnectError("the request did not arrive in time", Code.DeadlineExceeded) : callLate());
  }

  #timeAgain(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#late(), ms);
  }

  #closed(): void {
    clearTimeout(this.#timer);
    const stream = this.#stream;
    if (!this.#over) {
      const gone = callCancelled();
      this.call.failure ??= toFailure(gone, this.#options.ids);
      this.#letGo(gone);
    }
    reportEnd(this.call, { answered: stream.writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR, httpStatus: 200 }, this.#options);
  }
}

const answerHeaders = { ":status": 200, "content-type": "application/grpc+proto" } as const;
const ok = { "grpc-status": "0" } as const;
/** The abort reason of an answered call. */
const over = "the call is over";

function ignore(): void {}
