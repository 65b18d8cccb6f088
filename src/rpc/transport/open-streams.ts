/**
 * How many calls a connection may have open.
 *
 * Guarantees: a call beyond the limit waits for a place, at most `waitMs`, because a client that cancels calls and makes others
 * may send the new ones first; the first to come is the first to be served. One that gets no place is refused with
 * REFUSED_STREAM, after which gRPC clients try again, since the server has done nothing for it. What waits is not read.
 * The settings announce twice the limit (`announcedStreams`): a client that has reached the announced number waits without an
 * end or an error, and Node answers what is beyond it with ENHANCE_YOUR_CALM, which clients do not retry.
 */
import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";

/** Calls `serve` at once, later, or, when the stream is refused or closed before that, never. */
export type AdmitStream = (stream: ServerHttp2Stream, serve: () => void) => void;

interface Places {
  taken: number;
  readonly waiting: Map<ServerHttp2Stream, () => void>;
}

export function announcedStreams(limit: number): number {
  return limit * 2;
}

export function limitStreams(limit: number, waitMs: number): AdmitStream {
  const connections = new WeakMap<Http2Session, Places>();
  const take = (places: Places, stream: ServerHttp2Stream, serve: () => void): void => {
    places.taken += 1;
    stream.once("close", () => {
      places.taken -= 1;
      const [next] = places.waiting;
      if (!next) return;
      next[1]();
    });
    serve();
  };
  return (stream, serve) => {
    const { session } = stream;
    // It is closed already, and only waits to be reported.
    if (!session) return serve();
    let places = connections.get(session);
    if (!places) connections.set(session, (places = { taken: 0, waiting: new Map() }));
    if (places.taken < limit) return take(places, stream, serve);
    const { waiting } = places;
    stream.on("error", () => undefined);
    const late = AbortSignal.timeout(waitMs);
    const refuse = () => void (waiting.delete(stream) && stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const leave = () => {
      late.removeEventListener("abort", refuse);
      waiting.delete(stream);
    };
    late.addEventListener("abort", refuse, { once: true });
    stream.once("close", leave);
    waiting.set(stream, () => {
      stream.off("close", leave);
      leave();
      take(places, stream, serve);
    });
  };
}
