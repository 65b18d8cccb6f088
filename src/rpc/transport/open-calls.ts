/**
 * How many calls are open, whichever way they came.
 *
 * Guarantees: what is not admitted, and calls that need no token, never take a place of calls that need a role. Each of them
 * has a number of places of its own:
 * - not admitted yet, refused, or no call at all: the oldest makes room, since such an answer leaves within milliseconds
 *   unless its client does not read it;
 * - probes (`evenWhenFull`): the oldest makes room, for the same reason;
 * - other public calls, which may stay: further ones are refused;
 * - calls that need a role: further ones are refused.
 * Callers share the last two (`kernel/shares.ts`): one alone has at most nine tenths of them.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { DomainError } from "../../kernel/errors.ts";
import { createShares, shareFull } from "../../kernel/shares.ts";
import type { Target } from "../platform/auth.ts";
import type { Carrier, Connections } from "./connections.ts";
import type { Limits } from "./limits.ts";
import { dropReader, isGone, type HttpResponse } from "./send-answer.ts";

/** What a call is answered on. */
export type CallStream = ServerHttp2Stream | HttpResponse;

export interface OpenCalls {
  /** Counts what is not admitted yet, until it is or its stream closes; an older one may be cut off for it. */
  begin(stream: CallStream): void;
  /** Counts an admitted call until its stream closes. An error when there is no place for a caller with this share: the call ends with it. */
  admit(stream: CallStream, target: Target, share: string): DomainError | undefined;
}

/** A caller's share of the places is nine tenths: many watches of one platform are no attack. */
const greed = 9;

export function countOpenCalls({ calls, publicCalls, probeCalls, pendingCalls }: Limits, connections: Pick<Connections, "know">): OpenCalls {
  const pending = crowd(pendingCalls);
  const probes = crowd(probeCalls);
  const known = createShares(calls, greed);
  const unknown = createShares(publicCalls, greed);

  return {
    begin: (stream) => pending.add(stream),
    admit(stream, { access, evenWhenFull }, share) {
      pending.delete(stream);
      // Its `close` may be over: it would be counted for ever.
      if (isClosed(stream)) return undefined;
      if (evenWhenFull) {
        probes.add(stream);
        return undefined;
      }
      const shares = access === "public" ? unknown : known;
      if (!shares.take(share)) return shareFull(shares, share, { reason: "TOO_MANY_REQUESTS", what: "calls are open", retryAfterMs: 1_000 });
      stream.once("close", () => shares.give(share));
      return access === "public" || connections.know(carrierOf(stream)) ? undefined : tooManyConnections();
    },
  };
}

function tooManyConnections(): DomainError {
  return new DomainError({
    kind: "exhausted",
    reason: "TOO_MANY_REQUESTS",
    message: "too many connections have open calls",
    subject: { type: "share", name: "all callers" },
    retryAfterMs: 1_000,
  });
}

/** At most `limit` streams: the oldest is cut off for a new one. */
function crowd(limit: number): { add(stream: CallStream): void; delete(stream: CallStream): void } {
  const open = new Set<CallStream>();
  return {
    add(stream) {
      const oldest = open.size >= limit ? open.values().next().value : undefined;
      if (oldest) {
        open.delete(oldest);
        cutOff(oldest);
      }
      open.add(stream);
      stream.once("close", () => open.delete(stream));
    },
    delete: (stream) => void open.delete(stream),
  };
}

function cutOff(stream: CallStream): void {
  if ("pushAllowed" in stream) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else dropReader(stream);
}

function isClosed(stream: CallStream): boolean {
  return "pushAllowed" in stream ? stream.destroyed : isGone(stream);
}

function carrierOf(stream: CallStream): Carrier | undefined {
  if ("pushAllowed" in stream) return stream.session;
  return ("stream" in stream ? stream.stream.session : stream.socket) ?? undefined;
}
