/**
 * The short way for the most common calls: gRPC over HTTP/2, protobuf, uncompressed, one message to an existing method. It
 * skips the RPC library, at about a fifth of the CPU time and a quarter of the memory of an idle stream. Everything else,
 * also requests that will be refused before they reach a method, is left to the long way (`long-way.ts`), which serves
 * every protocol.
 *
 * Guarantees: a call gets the same answer on both ways (test/rpc/both-ways.test.ts compares them). It differs
 * in the error texts for malformed request bytes, and never compresses an answer.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { create, isMessage, toBinary, type DescMessage, type Message, type UnknownField } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { LaneCall, type LaneCallOptions } from "./lane-call.ts";
import { headerBytes, lifeMs } from "./limits.ts";
import type { RefuseForeign } from "./local-only.ts";
import type { Answer, OneMessageMethod, ServedService } from "./served.ts";
import { frameOf, grpcTimeoutMs, malformedBinary } from "./wire.ts";

export interface FastLaneOptions extends Omit<LaneCallOptions, "frame"> {
  readonly services: readonly ServedService[];
  readonly refuseForeign: RefuseForeign | undefined;
  /** Ends the watches. */
  readonly drain: AbortSignal;
  /** Ends every call. */
  readonly cut: AbortSignal;
}

/** Serves the stream, or returns false and leaves it as it is. */
export type FastLane = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]) => boolean;

interface LaneMethod {
  readonly served: OneMessageMethod;
  readonly maxMs: number;
}

export function createFastLane(options: FastLaneOptions): FastLane {
  const { services, limits, refuseForeign } = options;
  const callOptions = { ...options, frame: createFraming() };
  const methods = new Map(
    services.flatMap(({ oneMessage }) => oneMessage).map((served): [string, LaneMethod] => [`/${served.name}`, { served, maxMs: lifeMs(served.life, limits) }]),
  );
  const running = new Set<LaneCall>();
  const endAll = (signal: AbortSignal, which: (method: OneMessageMethod) => boolean) => {
    signal.addEventListener("abort", () => {
      for (const call of running) if (which(call.served)) call.end(signal.reason);
    });
  };
  endAll(options.drain, ({ onDrain }) => onDrain === "end");
  endAll(options.cut, () => true);

  return (stream, headers, rawHeaders) => {
    const method = methods.get(headers[":path"] ?? "");
    if (!method || !isPlain(headers) || headerBytes(rawHeaders) > limits.headerBytes) return false;
    if (refuseForeign?.(headers) !== undefined || malformedBinary(rawHeaders) !== undefined) return false;
    const ms = lifeOf(headers, method.maxMs);
    if (ms === undefined) return false;
    const call = new LaneCall(stream, headers, method.served, ms, callOptions);
    running.add(call);
    stream.once("close", () => running.delete(call));
    const { drain, cut } = options;
    if (cut.aborted || (drain.aborted && method.served.onDrain === "end")) call.end(cut.aborted ? cut.reason : drain.reason);
    return true;
  };
}

/** Frames of answers; a message that cannot change, and may go to many callers, is framed once. */
function createFraming(): LaneCallOptions["frame"] {
  const shared = new WeakMap<Answer, readonly Uint8Array[]>();
  return ({ output }, answer) => {
    const former = shared.get(answer);
    if (former) return former;
    const message = isMessage(answer, output) ? answer : create(output, answer);
    const [packed, ...others] = message.$unknown ?? [];
    const frame = packed && others.length === 0 ? framePacked(output, message, packed) : frameOf(toBinary(output, message));
    if (Object.isFrozen(answer)) shared.set(answer, frame);
    return frame;
  };
}

/** The frame of a message whose single unknown field was encoded earlier. */
function framePacked(output: DescMessage, message: Message, { no, wireType, data }: UnknownField): readonly Uint8Array[] {
  const known = new BinaryWriter().raw(toBinary(output, message, { writeUnknownFields: false })).tag(no, wireType);
  return frameOf(known.finish(), data);
}

const contentTypes: ReadonlySet<string | undefined> = new Set(["application/grpc", "application/grpc+proto"]);

function isPlain(headers: IncomingHttpHeaders): boolean {
  const { expect, origin } = headers;
  const encoding = headers["grpc-encoding"];
  const host = headers[":authority"] ?? headers.host ?? "";
  return (
    headers[":method"] === "POST" &&
    contentTypes.has(headers["content-type"]) &&
    (encoding === undefined || encoding === "identity") &&
    expect === undefined &&
    origin === undefined &&
    /^[\w.:[\]%-]+$/.test(host)
  );
}

/** Milliseconds; undefined when the client's deadline cannot be read or has passed. */
function lifeOf(headers: IncomingHttpHeaders, maxMs: number): number | undefined {
  const given = headers["grpc-timeout"];
  if (given === undefined) return maxMs;
  const ms = typeof given === "string" ? grpcTimeoutMs(given) : undefined;
  return ms === undefined || ms <= 0 ? undefined : Math.min(Math.ceil(ms), maxMs);
}
