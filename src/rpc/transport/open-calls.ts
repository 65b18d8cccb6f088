/**
 * How many calls are open, whichever way they came.
 *
 * Guarantees: what is not admitted, and calls that need no token, never take a place of calls that need a role. Each of them
 * has a number of places of its own:
 * - not admitted yet, refused, or no call at all: the oldest makes room, since such an answer leaves within milliseconds
 *   unless its client does not read it;
 * - probes (`evenWhenFull`): the oldest makes room, for the same reason;
 * - other public calls, which may stay: further ones are refused;
 * - calls that need a role: further ones are refused; the last tenth of the places is for principals with few open calls.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Principal } from "../../kernel/caller.ts";
import type { Target } from "../platform/auth.ts";
import type { Carrier, Connections } from "./connections.ts";
import type { Limits } from "./limits.ts";
import { dropReader, isGone, type HttpResponse } from "./send-answer.ts";

/** What a call is answered on. */
export type CallStream = ServerHttp2Stream | HttpResponse;

export interface OpenCalls {
  /** Counts what is not admitted yet, until it is or its stream closes; an older one may be cut off for it. */
  begin(stream: CallStream): void;
  /** Counts an admitted call until its stream closes. False, and not counted, when there is no place. */
  admit(stream: CallStream, target: Target, principal: Principal): boolean;
}

/** The end of a call that is one too many. */
export function tooManyCalls(): ConnectError {
  return new ConnectError("too many calls are open", Code.ResourceExhausted);
}

/** So many open calls are few. */
const fewCalls = 100;

interface Share {
  open: number;
  readonly leave: () => void;
}

export function countOpenCalls({ calls, publicCalls, probeCalls, pendingCalls }: Limits, connections: Pick<Connections, "know">): OpenCalls {
  const pending = crowd(pendingCalls);
  const probes = crowd(probeCalls);
  const shares = new Map<string, Share>();
  let known = 0;
  let unknown = 0;
  const leavePublic = () => void (unknown -= 1);
  const newShare = (key: string): Share => {
    const share: Share = {
      open: 0,
      leave() {
        known -= 1;
        if ((share.open -= 1) === 0) shares.delete(key);
      },
    };
    shares.set(key, share);
    return share;
  };

  return {
    begin: (stream) => pending.add(stream),
    admit(stream, { access, evenWhenFull }, { key }) {
      pending.delete(stream);
      // Its `close` may be over: it would be counted for ever.
      if (isClosed(stream)) return true;
      if (evenWhenFull) {
        probes.add(stream);
        return true;
      }
      if (access === "public") {
        if (unknown >= publicCalls) return false;
        unknown += 1;
        stream.once("close", leavePublic);
        return true;
      }
      const share = shares.get(key);
      const places = (share?.open ?? 0) < fewCalls ? calls : calls - Math.floor(calls / 10);
      if (known >= places || !connections.know(carrierOf(stream))) return false;
      known += 1;
      const mine = share ?? newShare(key);
      mine.open += 1;
      stream.once("close", mine.leave);
      return true;
    },
  };
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
