/**
 * Closes dead and idle HTTP/2 sessions: one that never completes its handshake, one that is silent and does not answer a
 * ping, and one without calls for a long time. A session with a quiet but live watch stays.
 */
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Limits } from "./limits.ts";

export interface Sessions {
  /** Sends GOAWAY to every client; a session ends with its last call, new ones immediately. */
  close(): void;
  destroy(): void;
  /** True while a stream of the session is open. */
  isBusy(session: ServerHttp2Session): boolean;
}

interface State {
  streams: number;
  pinged: boolean;
  /** Rounds of silence without a call. */
  idleRounds: number;
}

const connectionWindowBytes = 1_048_576;

export function tendSessions(server: Http2Server, limits: Limits): Sessions {
  const open = new Map<ServerHttp2Session, State>();
  const idleRounds = Math.max(1, Math.floor(limits.idleMs / limits.pingAfterMs));
  let closing = false;

  server.on("session", (session) => {
    const state: State = { streams: 0, pinged: false, idleRounds: 0 };
    open.set(session, state);
    session.once("close", () => open.delete(session));
    session.setLocalWindowSize(connectionWindowBytes);
    const opening = AbortSignal.timeout(limits.firstByteMs);
    const expire = () => session.destroy();
    opening.addEventListener("abort", expire, { once: true });
    session.once("remoteSettings", () => {
      opening.removeEventListener("abort", expire);
      session.setTimeout(limits.pingAfterMs);
    });
    session.on("stream", (stream: ServerHttp2Stream) => {
      state.streams += 1;
      state.idleRounds = 0;
      stream.once("close", () => (state.streams -= 1));
    });
    session.on("timeout", () => askForLife(session, state));
    if (closing) session.close();
  });

  const askForLife = (session: ServerHttp2Session, state: State) => {
    if (session.closed) return;
    if (state.pinged) return session.destroy();
    if (state.streams === 0 && (state.idleRounds += 1) >= idleRounds) return session.close();
    state.pinged = true;
    session.setTimeout(limits.pingTimeoutMs);
    session.ping(() => {
      state.pinged = false;
      if (!session.destroyed) session.setTimeout(limits.pingAfterMs);
    });
  };

  return {
    close() {
      closing = true;
      for (const session of open.keys()) session.close();
    },
    destroy() {
      for (const session of open.keys()) session.destroy();
    },
    isBusy: (session) => (open.get(session)?.streams ?? 0) > 0,
  };
}
