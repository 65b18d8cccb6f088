/**
 * The server that the suite tests: Muster's transport with the suite's service. The suite's runner starts it once for every
 * combination of protocol, HTTP version and TLS: `server.ts short|long`. It reads from stdin what it shall be, writes to
 * stdout where it listens, and ends with SIGTERM.
 */
import { createRegistry, fromBinary, create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { defaultLimits } from "../../src/rpc/transport/limits.ts";
import { served, type Methods, type ServedService } from "../../src/rpc/transport/served.ts";
import { startServer } from "../../src/rpc/transport/server.ts";
import { ServerCompatRequestSchema, ServerCompatResponseSchema, type ServerCompatRequest } from "./gen/connectrpc/conformance/v1/server_compat_pb.ts";
import { ConformanceService, file_connectrpc_conformance_v1_service } from "./gen/connectrpc/conformance/v1/service_pb.ts";
import { conformanceService } from "./service.ts";

const longestMs = 3_600_000;

const request = await readRequest();
const { cert, key } = request.serverCreds ?? {};
const clients = request.clientTlsCert.length > 0 ? { clients: { ca: text(request.clientTlsCert), areRequired: true } } : {};
const server = await startServer({
  listen: { host: "127.0.0.1", port: 0 },
  ...(request.useTls && cert && key ? { tls: { cert: text(cert), key: text(key), ...clients } } : {}),
  services: [conformance()],
  http: [],
  gate: createAuthGate({ mode: "open" }),
  fastLane: process.argv[2] !== "long",
  limits: {
    ...defaultLimits,
    messageBytes: request.messageReceiveLimit || defaultLimits.messageBytes,
    unaryMs: longestMs,
  },
  clock: systemClock,
  ids: createUuidV7(systemClock),
  // Calls fail because the suite wants them to.
  log: (level, event, fields) => level === "error" && event !== "call failed" && process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
});
process.once("SIGTERM", () => void server.close(0));
write({ host: server.host, port: server.port, ...(cert && request.useTls ? { pemCert: cert } : {}) });

/** Its answers hold messages in an Any, which only JSON with the types at hand can show. */
function conformance(): ServedService {
  const implementation = conformanceService(longestMs);
  const jsonOptions = { registry: createRegistry(file_connectrpc_conformance_v1_service) };
  const unimplemented = () => {
    throw new ConnectError("there is no such handler", Code.Unimplemented);
  };
  // Streams, too, live as long as `unaryMs`.
  const rows = Object.fromEntries(
    ConformanceService.methods.map(({ localName }) => [
      localName,
      { access: "public", call: implementation[localName as keyof typeof implementation] ?? unimplemented },
    ]),
  );
  return {
    ...served(ConformanceService, rows as unknown as Methods<typeof ConformanceService>),
    addTo: (router) => void router.service(ConformanceService, implementation, { jsonOptions }),
  };
}

/** Messages come and go behind four bytes of length, big-endian. */
async function readRequest(): Promise<ServerCompatRequest> {
  let bytes = Buffer.alloc(0);
  for await (const piece of process.stdin) {
    bytes = Buffer.concat([bytes, piece as Buffer]);
    if (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) break;
  }
  return fromBinary(ServerCompatRequestSchema, bytes.subarray(4, 4 + bytes.readUInt32BE(0)));
}

function write(init: MessageInitShape<typeof ServerCompatResponseSchema>): void {
  const message = toBinary(ServerCompatResponseSchema, create(ServerCompatResponseSchema, init));
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([prefix, message]));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
