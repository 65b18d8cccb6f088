/**
 * Which connections stay when there are too many.
 *
 * Guarantees: a new connection always finds a place. A connection is *known* once a call that needs a role was admitted on
 * it. One that is not known never takes the place of one that is: it makes room for the next one of its kind, those without
 * a running request first, the oldest first. Beside as many known ones as there may be, `spareConnections` others are served,
 * so that probes get through. It does not count by address: behind a load balancer all callers have one.
 */
import type { Socket } from "node:net";
import type { Log } from "../../kernel/log.ts";
import type { Limits } from "./limits.ts";

/** What the calls of a connection have in common: its HTTP/2 session, or the socket that HTTP/1.1 is read from. */
export type Carrier = object;

export interface Connections {
  /** Takes in a new connection; another one may be closed for it. */
  add(socket: Socket): void;
  /** The connection at `peer` (see `peerOf`) is served by `carrier`; `isBusy` says whether a request runs on it. */
  serve(peer: string, carrier: Carrier, isBusy: () => boolean): void;
  /** A call that needs a role was admitted. False when there are as many known connections as may be, all of them busy. */
  know(carrier: Carrier | undefined): boolean;
  destroyAll(): void;
}

interface Connection {
  readonly socket: Socket;
  isBusy: () => boolean;
  /** The place of its last admitted call among all of them. */
  lastCall: number;
}

export function createConnections({ connections: limit, spareConnections }: Limits, log: Log): Connections {
  const byPeer = new Map<string, Connection>();
  const byCarrier = new WeakMap<Carrier, Connection>();
  const known = new Set<Connection>();
  const unknown = new Set<Connection>();
  let calls = 0;
  let isCrowded = false;

  const close = (connection: Connection, why: string) => {
    if (!isCrowded) log("warn", "connections closed", { why, limit });
    isCrowded = true;
    known.delete(connection);
    unknown.delete(connection);
    connection.socket.destroy();
  };
  const oldestUnknown = () => unknown.values().find(({ isBusy }) => !isBusy()) ?? unknown.values().next().value;
  const longestIdle = () => {
    let found: Connection | undefined;
    for (const it of known) if (!it.isBusy() && (found === undefined || it.lastCall < found.lastCall)) found = it;
    return found;
  };

  return {
    add(socket) {
      const peer = peerOf(socket);
      const connection: Connection = { socket, isBusy: () => false, lastCall: 0 };
      const victim = unknown.size >= Math.max(spareConnections, limit - known.size) ? oldestUnknown() : undefined;
      if (victim) close(victim, "too many are open");
      unknown.add(connection);
      byPeer.set(peer, connection);
      socket.once("close", () => {
        known.delete(connection);
        unknown.delete(connection);
        if (byPeer.get(peer) === connection) byPeer.delete(peer);
        if (known.size + unknown.size < limit / 2) isCrowded = false;
      });
    },
    serve(peer, carrier, isBusy) {
      const connection = byPeer.get(peer);
      if (!connection) return;
      connection.isBusy = isBusy;
      byCarrier.set(carrier, connection);
    },
    know(carrier) {
      const connection = carrier && byCarrier.get(carrier);
      // Closed before its call was admitted.
      if (!connection || !(known.has(connection) || unknown.has(connection))) return true;
      connection.lastCall = calls += 1;
      if (known.has(connection)) return true;
      if (known.size >= limit) {
        const victim = longestIdle();
        if (!victim) return false;
        close(victim, "too many are in use");
      }
      unknown.delete(connection);
      known.add(connection);
      return true;
    },
    destroyAll() {
      for (const { socket } of [...known, ...unknown]) socket.destroy();
    },
  };
}

/** The other end of a connection; a TLS socket has another identity than the socket below it, but the same peer. */
export function peerOf(socket: Pick<Socket, "remoteAddress" | "remotePort">): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
