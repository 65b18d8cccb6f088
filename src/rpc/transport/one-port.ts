/**
 * One TCP port for HTTP/2 and HTTP/1.1, plaintext or TLS: the first bytes of a connection decide.
 *
 * Guarantees: a connection that does not say in time what it is, is closed; so is one that falls silent and does not
 * answer a ping, and one that sends its headers too slowly. Which go when there are too many: `connections.ts`. A client that
 * closes its side ends its calls at once. With TLS
 * nothing is served in plaintext. `drain` lets calls end by themselves; `destroy` does not.
 */
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import tls from "node:tls";
import type { HttpRequest, HttpResponse } from "./send-answer.ts";
import { createServer } from "../../kernel/node-http.ts";
import type { Log } from "../../kernel/log.ts";
import { peerOf, type Connections } from "./connections.ts";
import type { FastLane } from "./fast-lane.ts";
import { tendSessions } from "./h2-sessions.ts";
import type { Limits } from "./limits.ts";
import { hasBadCertificate } from "./peer-certificate.ts";
import { announcedStreams, limitStreams, type AdmitStream } from "./open-streams.ts";
import { sniff } from "./sniff.ts";

/** PEM texts. */
export interface TlsSettings {
  readonly cert: string;
  readonly key: string;
  /** Clients are asked for a certificate of this authority. One of another is not accepted; none is, unless they are required. */
  readonly clients?: { readonly ca: string; readonly areRequired: boolean };
}

export interface OnePortOptions {
  readonly onRequest: (request: HttpRequest, response: HttpResponse) => void;
  /** Called first for every stream of HTTP/2: false leaves it to `onRequest`. */
  readonly onStream?: FastLane | undefined;
  readonly tls: TlsSettings | undefined;
  readonly connections: Connections;
  readonly limits: Limits;
  readonly log: Log;
}

export interface OnePort {
  /** Rejects with Node's error (`code` EADDRINUSE, EACCES, …) when the address cannot be bound. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** Accepts nothing new, sends GOAWAY to HTTP/2 clients, closes idle connections. Resolves when the last connection is gone. */
  drain(): Promise<void>;
  /** Closes every connection, busy or not. */
  destroy(): void;
}

export function createOnePort({ onRequest, onStream, tls: tlsSettings, connections, limits, log }: OnePortOptions): OnePort {
  /** Connections that have not said yet what they speak, by their peer: a TLS socket has another identity, but that one. */
  const opening = new Map<string, Socket>();
  let draining = false;
  /** Running requests of HTTP/1.1. */
  const running = new WeakMap<object, number>();

  const h1 = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(2_000, Math.ceil(limits.headersMs / 4)),
      keepAliveTimeout: limits.idleMs,
      keepAlive: true,
      keepAliveInitialDelay: limits.pingAfterMs,
      noDelay: true,
    },
    (request, response) => {
      if (draining) response.setHeader("connection", "close");
      const { socket } = request;
      running.set(socket, (running.get(socket) ?? 0) + 1);
      response.once("close", () => {
        running.set(socket, (running.get(socket) ?? 1) - 1);
        if (draining) h1.closeIdleConnections();
      });
      onRequest(request, response);
    },
  );

  const h2 = http2.createServer(
    {
      settings: { maxConcurrentStreams: announcedStreams(limits.streamsPerConnection), maxHeaderListSize: limits.headerBytes },
      // Node never takes back what it counted for a cancelled stream, and then ends the connection with all its watches. What
      // a connection may hold is limited by its streams: one request and one message of an answer each. In megabytes.
      maxSessionMemory: 1_000_000,
      streamResetBurst: limits.resetBurst,
      streamResetRate: limits.resetsPerSecond,
    },
    onRequest,
  );
  askFirst(h2, limitStreams(limits.streamsPerConnection, limits.placeMs), onStream);
  const sessions = tendSessions(h2, limits);

  // The http server owns the port: its timeouts then hold for the connections handed to it, also those behind TLS.
  const [acceptHttp] = h1.listeners("connection") as [(socket: Socket) => void];
  h1.removeAllListeners("connection");
  h2.on("session", (session) => connections.serve(peerOf(session.socket), session, () => sessions.isBusy(session)));
  const serveHttp1 = (socket: Socket) => {
    connections.serve(peerOf(socket), socket, () => (running.get(socket) ?? 0) > 0);
    acceptHttp.call(h1, socket);
  };
  const serveHttp2 = (socket: Socket) => {
    // The http server lets its connections be half open. HTTP/2 would then wait for a client that is gone until a ping fails.
    socket.once("end", () => socket.destroy());
    h2.emit("connection", socket);
  };
  const secure = tlsSettings && createTls(tlsSettings, limits, log);
  secure?.on("secureConnection", (socket) => {
    if (hasBadCertificate(socket)) {
      log("info", "TLS handshake failed", { code: String(socket.authorizationError), peer: socket.remoteAddress });
      return void socket.destroy();
    }
    opening.delete(peerOf(socket));
    if (socket.alpnProtocol === "h2") return serveHttp2(socket);
    serveHttp1(socket);
    // Node's parser reads a TLS connection by itself, and breaks it off with HPE_PAUSED when a request in several records comes
    // before a large answer has left. With a listener here, Node hands it the bytes instead, and holds them back in time.
    socket.on("data", () => undefined);
  });

  h1.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    connections.add(socket);
    opening.set(peer, socket);
    // The HTTP servers handle errors of the sockets they serve; before and after that an error only means that the socket closes.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      if (opening.get(peer) === socket) opening.delete(peer);
    });
    closeLater(socket, limits.firstByteMs, () => opening.get(peer) === socket);
    sniff(socket, (protocol, refuse) => {
      if (protocol === "tls" && secure) return void secure.emit("connection", socket);
      if (protocol === "tls") {
        log("warn", "connection refused", { why: "client speaks TLS, this listener is plaintext", peer: socket.remoteAddress });
        return socket.destroy();
      }
      if (secure) {
        log("warn", "connection refused", { why: "client speaks plaintext, this listener requires TLS", peer: socket.remoteAddress });
        return refuse();
      }
      opening.delete(peer);
      if (protocol === "h2") serveHttp2(socket);
      else serveHttp1(socket);
    });
  });

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        h1.once("error", reject);
        h1.listen({ host, port }, () => {
          h1.off("error", reject);
          h1.on("error", (error) => log("error", "listener failed", { error }));
          const at = h1.address() as AddressInfo;
          resolve({ host: at.address, port: at.port });
        });
      }),
    drain() {
      draining = true;
      const closed = new Promise<void>((resolve) => h1.close(() => resolve()));
      for (const socket of opening.values()) socket.destroy();
      sessions.close();
      return closed;
    },
    destroy() {
      sessions.destroy();
      connections.destroyAll();
    },
  };
}

/** Node makes request and response of a stream in a listener of its own: it is called only for what `admit` serves and `onStream` leaves. */
function askFirst(server: http2.Http2Server, admit: AdmitStream, onStream: FastLane | undefined): void {
  const others = server.listeners("stream");
  server.removeAllListeners("stream");
  server.on("stream", (stream, headers, flags, rawHeaders) => {
    admit(stream, () => {
      if (onStream?.(stream, headers, rawHeaders)) return;
      for (const listener of others) listener.call(server, stream, headers, flags, rawHeaders);
    });
  });
}

function createTls(settings: TlsSettings, limits: Limits, log: Log): tls.Server {
  const { clients } = settings;
  const client = clients ? { ca: clients.ca, requestCert: true, rejectUnauthorized: clients.areRequired } : {};
  const server = tls.createServer({
    cert: settings.cert,
    key: settings.key,
    ...client,
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.firstByteMs,
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    log("info", "TLS handshake failed", { code: error.code, peer: socket.remoteAddress });
    socket.destroy();
  });
  return server;
}

function closeLater(socket: Socket, ms: number, stillDue: () => boolean): void {
  const timer = AbortSignal.timeout(ms);
  const expire = () => stillDue() && socket.destroy();
  timer.addEventListener("abort", expire, { once: true });
  socket.once("close", () => timer.removeEventListener("abort", expire));
}
