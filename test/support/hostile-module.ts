import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { constants, createServer as createHttp2Server, type OutgoingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetServiceRegistrationResponseSchema } from "../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import type { Certificate } from "./certificate.ts";

/** Something that listens where a module should, and behaves badly. */
export interface HostileModule extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections ever taken. */
  connections(): number;
  /** Connections open now. */
  open(): number;
}

/** Ways to behave badly on a bare connection. */
const onSocket = {
  "accepts and stays silent": () => {},
  "closes at once": (socket: Socket) => socket.destroy(),
  "closes after the first bytes": (socket: Socket) => socket.once("data", () => socket.end()),
  "resets after the first bytes": (socket: Socket) => socket.once("data", () => socket.resetAndDestroy()),
  "answers with noise": (socket: Socket) => socket.write(Buffer.alloc(4_096, 0xa5)),
  "sends SETTINGS and nothing more": (socket: Socket) => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])),
  // What makes Node's own client abort the process, some time later: headers that it refuses, and no time to clean up.
  "sends ill-formed headers and GOAWAY": (socket: Socket) => {
    const status = Buffer.from([0x88]);
    const upperCase = Buffer.from([0, 1, 0x41, 1, 0x76]);
    const headers = Buffer.concat([status, upperCase]);
    socket.write(Buffer.concat([Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), Buffer.from([0, 0, headers.length, 1, 4, 0, 0, 0, 1]), headers]));
    socket.end(Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]));
  },
  "sends headers without end": (socket: Socket) => {
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    socket.write(Buffer.from([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88]));
    repeatedly(socket, 1, () => socket.write(Buffer.concat([Buffer.from([0, 4, 0, 9, 0, 0, 0, 0, 1]), Buffer.alloc(1_024, 0x88)])));
  },
  "sends PINGs for ever": (socket: Socket) => {
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    repeatedly(socket, 1, () => socket.write(Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])));
  },
} as const;

/** Ways to behave badly in answering a call. */
const onStream = {
  "answers one byte at a time": (stream: ServerHttp2Stream) => {
    respond(stream);
    const bytes = framed(toBinary(GetServiceRegistrationResponseSchema, create(GetServiceRegistrationResponseSchema, { serverInfo: "x".repeat(500) })));
    let sent = 0;
    repeatedly(stream, 20, () => stream.write(bytes.subarray(sent, ++sent)));
  },
  "answers 5 MiB": (stream: ServerHttp2Stream) => {
    respond(stream, ok);
    stream.end(framed(new Uint8Array(5 * 1_024 * 1_024)));
  },
  "announces 4 GiB": (stream: ServerHttp2Stream) => {
    respond(stream, ok);
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
  },
  "answers without end": (stream: ServerHttp2Stream) => {
    respond(stream, ok);
    repeatedly(stream, 5, () => stream.write(framed(new Uint8Array(0))));
  },
  "answers with bad protobuf": (stream: ServerHttp2Stream) => {
    respond(stream, ok);
    stream.end(framed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1])));
  },
  "answers compressed": (stream: ServerHttp2Stream) => {
    respond(stream, ok, { "grpc-encoding": "gzip" });
    stream.end(Buffer.from([1, 0, 0, 0, 1, 0]));
  },
  "answers OK without a message": (stream: ServerHttp2Stream) => {
    respond(stream, ok);
    stream.end();
  },
  "answers without a status": (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end(framed(new Uint8Array(0)));
  },
  "answers with 40 KiB of headers": (stream: ServerHttp2Stream) => respond(stream, ok, { "x-big": "x".repeat(40 * 1_024) }),
  "answers with 1,000 headers": (stream: ServerHttp2Stream) =>
    respond(stream, ok, Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x-${index}`, "x"]))),
  "resets in the middle of the answer": (stream: ServerHttp2Stream) => {
    respond(stream);
    stream.write(framed(new Uint8Array(1_000)).subarray(0, 500), () => stream.destroy(new Error("reset")));
  },
  "sends GOAWAY instead of an answer": (stream: ServerHttp2Stream) => {
    stream.session?.goaway(constants.NGHTTP2_INTERNAL_ERROR, 0);
    stream.session?.destroy();
  },
  "cuts the connection in the middle of the answer": (stream: ServerHttp2Stream) => {
    respond(stream);
    stream.write(framed(new Uint8Array(1_000)).subarray(0, 500), () => stream.session?.destroy());
  },
  "is a web server on HTTP/2": (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "text/html" });
    stream.end("<html>");
  },
  "is an HTTP/2 server without the path": (stream: ServerHttp2Stream) => stream.respond({ ":status": 404 }, { endStream: true }),
  "is a proxy without a backend": (stream: ServerHttp2Stream) => stream.respond({ ":status": 503 }, { endStream: true }),
  "answers UNAVAILABLE": (stream: ServerHttp2Stream) => refuse(stream, 14, "starting"),
  "answers INTERNAL with a long and hostile text": (stream: ServerHttp2Stream) => refuse(stream, 13, `%1B[31m%E2%80%AE%0A${"x".repeat(1_000)}`),
  "answers a status that does not exist": (stream: ServerHttp2Stream) => refuse(stream, 99, ""),
} as const;

export type SocketMischief = keyof typeof onSocket;
export type StreamMischief = keyof typeof onStream;

/** A bare listener that does `mischief` with every connection. */
export function startHostileSocket(mischief: SocketMischief): Promise<HostileModule> {
  return listen(createTcpServer((socket) => onSocket[mischief](socket.resume())));
}

/** An HTTP/2 server that does `mischief` with every call. */
export function startHostileModule(mischief: StreamMischief): Promise<HostileModule> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server()
    .on("session", (session) => sessions.add(session.on("error", () => {})))
    .on("sessionError", () => {})
    .on("stream", (stream) => {
      stream.on("error", () => {});
      onStream[mischief](stream);
    });
  return listen(server);
}

/** A web server of the old sort. */
export function startHttp1Server(tls?: Certificate): Promise<HostileModule> {
  return listen(tls ? createHttpsServer({ ...tls, ALPNProtocols: ["http/1.1"] }) : createHttpServer((_request, response) => response.end("hello")));
}

/** Speaks TLS, or ends a connection that does not without a word, as many gRPC servers do. */
export function startSilentTlsServer(tls: Certificate, after: (socket: TLSSocket) => void = () => undefined): Promise<HostileModule> {
  const inner = createTlsServer({ ...tls, ALPNProtocols: ["h2"] }, after).on("tlsClientError", () => {});
  return listen(
    createTcpServer((socket) => {
      socket.once("data", (first: Buffer) => {
        if (first[0] !== 0x16) return socket.destroy();
        socket.pause();
        socket.unshift(first);
        return inner.emit("connection", socket);
      });
    }),
  );
}

const ok = { "grpc-status": "0" };

function respond(stream: ServerHttp2Stream, trailers?: OutgoingHttpHeaders, headers: OutgoingHttpHeaders = {}): void {
  if (trailers) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: trailers !== undefined });
}

function refuse(stream: ServerHttp2Stream, status: number, message: string): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": status, "grpc-message": message }, { endStream: true });
}

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function repeatedly(until: Socket | ServerHttp2Stream, everyMs: number, act: () => void): void {
  const timer = setInterval(act, everyMs);
  until.on("close", () => clearInterval(timer));
}

async function listen(server: Server): Promise<HostileModule> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.prependListener("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    host: "127.0.0.1",
    port: typeof address === "object" && address ? address.port : 0,
    connections: () => connections,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
