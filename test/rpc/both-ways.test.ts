/** Plain gRPC takes a short way through the server, everything else the long one; a call must not be able to tell. */
import http2 from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  GetServiceRequestSchema,
  PlatformRegistrationService as Platform,
  RegisterRequestSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { generateToken, parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import { aborted, eventually, startTestServer, type PlatformStub, type TestServer } from "../support/rpc-server.ts";

const viewer = generateToken();
const registrar = generateToken();
const tokens = parseTokenFile(
  JSON.stringify({
    tokens: [
      { principal: "reader", roles: ["viewer"], sha256: viewer.sha256 },
      { principal: "ci", roles: ["registrar"], sha256: registrar.sha256 },
    ],
  }),
);

/** How often a handler was entered. */
let entered = 0;

const stub: PlatformStub = {
  async getService({ lookupKey }, context) {
    entered += 1;
    context.responseHeader.set("x-early", lookupKey.value ?? "");
    context.responseTrailer.set("x-after", "all");
    switch (lookupKey.value) {
      case "none":
        throw new DomainError({ kind: "not_found", reason: "REGISTRATION_NOT_FOUND", message: "none: é 100%", metadata: { service_name: "none" } });
      case "broken":
        throw new Error("a secret of ours");
      case "stuck":
        return new Promise(() => undefined);
      case "slow":
        await pause(20);
    }
    const of = context.requestHeader.get("x-of") ?? "";
    return { serviceName: lookupKey.value ?? "", version: `${context.method.name} ${context.requestMethod} ${new URL(context.url).pathname} ${of}` };
  },
  getModule: ({ lookupKey }) => ({ moduleName: lookupKey.value ?? "" }),
  listServices: () => ({ totalCount: -1, services: [{ serviceName: "x".repeat(5_000) }] }),
  resolveService: () => ({ port: Number.NaN }),
  async *register({ name }, context) {
    entered += 1;
    if (name === "late") throw new DomainError({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", message: "no store" });
    yield { event: { message: "one" } };
    if (name === "broken") throw new DomainError({ kind: "conflict", reason: "ATTEMPT_IN_FLIGHT", message: "in flight" });
    if (name === "stuck") await aborted(context);
    yield { event: { message: "two" } };
  },
  async *watchServices() {},
  async *watchModules(_request, context) {
    context.responseHeader.set("x-early", "first");
    context.responseTrailer.set("x-after", "all");
    yield* [];
  },
};

interface Wire {
  readonly method?: string;
  readonly headers?: http2.OutgoingHttpHeaders;
  /** What is sent, piece by piece; then the stream is ended, unless `open`. */
  readonly pieces?: readonly Uint8Array[];
  readonly open?: boolean;
  /** The gRPC status that both answer. */
  readonly status?: number;
  /** How the two may differ: in the error for bytes that are no message. */
  readonly wording?: true;
  /** The client resets the stream when the server has what was sent. */
  readonly cancel?: boolean;
  /** False where both go the long way. */
  readonly isPlain?: false;
  /** False where it is refused before it is a call, and not reported as one. */
  readonly isCall?: false;
}

const frame = (message: Uint8Array, flags = 0, length = message.length): Buffer => {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
};
const ask = (value: string): Buffer => frame(toBinary(GetServiceRequestSchema, create(GetServiceRequestSchema, { lookupKey: { case: "serviceName", value } })));
const register = (name: string): Buffer => frame(toBinary(RegisterRequestSchema, create(RegisterRequestSchema, { name })));
const bytewise = (all: Buffer): Buffer[] => [...all].map((byte) => Buffer.of(byte));

const cases: Readonly<Record<string, Wire>> = {
  "a call": { pieces: [ask("a")] },
  "with header fields of its own": { pieces: [ask("a")], headers: { "x-of": ["1", "2"], authorization: `Bearer ${registrar.token}` } },
  "that takes its time": { pieces: [ask("slow")] },
  "an empty message": { pieces: [frame(Buffer.alloc(0))] },
  "the other content type": { pieces: [ask("a")], headers: { "content-type": "application/grpc" } },
  "in pieces of one byte": { pieces: bytewise(ask("a")) },
  "a large answer": { method: "ListServices", pieces: [frame(Buffer.alloc(0))] },
  "a handler's error": { pieces: [ask("none")] },
  "a fault of the server": { pieces: [ask("broken")], wording: true },
  "a handler that is stuck, with a deadline": { pieces: [ask("stuck")], headers: { "grpc-timeout": "800m" } },
  "a handler that is stuck, without one": { pieces: [ask("stuck")] },
  "a deadline in nanoseconds": { pieces: [ask("stuck")], headers: { "grpc-timeout": "99999999n" } },
  "a deadline of nothing": { pieces: [ask("a")], headers: { "grpc-timeout": "0m" }, isPlain: false },
  "a deadline that is none": { pieces: [ask("a")], headers: { "grpc-timeout": "soon" }, isPlain: false, wording: true },
  "a stream": { method: "Register", pieces: [register("m")] },
  "a stream that fails before its first message": { method: "Register", pieces: [register("late")] },
  "a stream that fails after it": { method: "Register", pieces: [register("broken")] },
  "a stream that is stuck": { method: "Register", pieces: [register("stuck")], headers: { "grpc-timeout": "800m" } },
  "a stream without messages, with fields of its own": { method: "WatchModules", pieces: [frame(Buffer.alloc(0))] },
  "a stream without messages": { method: "WatchServices", pieces: [frame(Buffer.alloc(0))] },
  "no message": { pieces: [], wording: true },
  "no message to a stream": { method: "Register", pieces: [], wording: true },
  "a piece of a prefix": { pieces: [Buffer.alloc(3)], wording: true },
  "a message cut short": { pieces: [ask("a").subarray(0, -1)], wording: true },
  "two messages": { pieces: [ask("a"), ask("b")], wording: true },
  "two messages at once": { pieces: [Buffer.concat([ask("a"), ask("b")])], wording: true },
  "two messages to a stream": { method: "Register", pieces: [register("a"), register("b")], wording: true },
  "bytes that are no message": { status: 3, pieces: [frame(Buffer.of(0xff))], wording: true },
  "bytes that are no message, to a stream": {
    status: 3,
    method: "Register",
    headers: { authorization: `Bearer ${registrar.token}` },
    pieces: [frame(Buffer.of(0xff))],
    wording: true,
  },
  "compressed, without saying how": { status: 3, pieces: [frame(ask("a").subarray(5), 1)], wording: true },
  "compressed, saying how, but not": {
    status: 3,
    pieces: [frame(ask("a").subarray(5), 1)],
    headers: { "grpc-encoding": "gzip" },
    wording: true,
    isPlain: false,
  },
  "that says it is not compressed": { pieces: [ask("a")], headers: { "grpc-encoding": "identity" } },
  "an encoding nobody knows": { status: 12, pieces: [ask("a")], headers: { "grpc-encoding": "snappy" }, isPlain: false },
  "a message too large": { status: 8, pieces: [frame(Buffer.alloc(3_000))], wording: true },
  "the promise of one too large": { pieces: [frame(Buffer.alloc(10), 0, 0xffffffff)], open: true, wording: true },
  "a request that never ends": { pieces: [ask("a")], open: true },
  "a request that never begins": { open: true },
  "cancelled in the middle of its message": { pieces: [ask("a").subarray(0, -1)], open: true, cancel: true },
  "cancelled after its message, before its end": { pieces: [ask("a")], open: true, cancel: true },
  "cancelled while it runs": { pieces: [ask("stuck")], cancel: true },
  "a stream cancelled before its end": { method: "Register", pieces: [register("a")], open: true, cancel: true },
  "a stream cancelled while it runs": { method: "Register", pieces: [register("stuck")], cancel: true },
  "no token": { pieces: [ask("a")], headers: { authorization: "" } },
  "a token nobody has": { pieces: [ask("a")], headers: { authorization: "Bearer none" } },
  "a token that may not": { method: "Register", pieces: [register("m")], headers: { authorization: `Bearer ${viewer.token}` } },
  "refused while it is still sent": { pieces: [ask("a")], open: true, headers: { authorization: "" } },
  "a method that is not implemented": { method: "GetConnectorSchema", pieces: [ask("a")] },
  "a path with a slash at its end": { status: 12, method: "GetService/", pieces: [ask("a")], isPlain: false, isCall: false },
  "a method nobody has": { status: 12, method: "Nothing", pieces: [ask("a")], isPlain: false, isCall: false },
  "gRPC in JSON": { pieces: [frame(Buffer.from('{"serviceName":"a"}'))], headers: { "content-type": "application/grpc+json" }, isPlain: false },
  "a content type nobody has": { pieces: [ask("a")], headers: { "content-type": "application/grpc+thrift" }, isPlain: false },
  "from a Unix socket": { status: 0, pieces: [ask("a")], headers: { ":authority": "%2Frun%2Fmuster.sock" } },
  "from a Unix socket, by the long way": {
    status: 0,
    pieces: [frame(Buffer.from('{"serviceName":"a"}'))],
    headers: { ":authority": "%2Frun%2Fmuster.sock", "content-type": "application/grpc+json" },
    isPlain: false,
  },
  "gzip that is none": { status: 3, pieces: [frame(Buffer.of(0x1f, 0x8b, 1, 2), 1)], headers: { "grpc-encoding": "gzip" }, wording: true, isPlain: false },
  "an authority with a percent sign": { status: 0, pieces: [ask("a")], headers: { ":authority": "a%20b" } },
  "metadata that is no base64": { status: 3, pieces: [ask("a")], headers: { "x-of-bin": "***" }, isPlain: false, isCall: false },
  "metadata of which a part is no base64": { status: 3, pieces: [ask("a")], headers: { "x-of-bin": ["YQ", "YQ==, YWI,YWJjZ"] }, isPlain: false, isCall: false },
  "metadata that is no base64, to a stream": {
    status: 3,
    method: "Register",
    pieces: [register("m")],
    headers: { "x-of-bin": "YQ=", authorization: `Bearer ${registrar.token}` },
    isPlain: false,
    isCall: false,
  },
  "metadata that is base64, with padding and without": { status: 0, pieces: [ask("a")], headers: { "x-of-bin": ["YQ==", "YQ, YWI,,YWJj+/", ""] } },
  "GET instead of POST": { headers: { ":method": "GET" }, isPlain: false },
  "header fields too large": { pieces: [ask("a")], headers: { "x-of": "y".repeat(3_000) }, isPlain: false, isCall: false },
};

async function send(server: TestServer, { method = "GetService", headers = {}, pieces = [], open = false, cancel = false, isCall }: Wire) {
  const session = http2.connect(server.url);
  const before = { ends: server.ends.length, lines: server.lines.length, entered };
  const stream = session.request(
    {
      ":method": "POST",
      ":path": `/${Platform.typeName}/${method}`,
      "content-type": "application/grpc+proto",
      "grpc-accept-encoding": "gzip",
      te: "trailers",
      authorization: `Bearer ${viewer.token}`,
      ...headers,
    },
    { endStream: false },
  );
  const received: Record<string, string> = {};
  /** In which block of fields the handler's own came. */
  const blocks: Record<string, string[]> = {};
  const note = (block: string) => (fields: http2.IncomingHttpHeaders) => {
    Object.assign(received, fields);
    blocks[block] = Object.keys(fields).filter((name) => name === "x-early" || name === "x-after");
  };
  stream
    .on("response", note("headers"))
    .on("trailers", note("trailers"))
    .on("error", () => undefined);
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  for (const piece of pieces) stream.write(piece);
  if (!open) stream.end();
  if (cancel) session.ping(() => session.ping(() => stream.close(http2.constants.NGHTTP2_CANCEL)));
  await new Promise((resolve) => stream.once("close", resolve));
  if (isCall !== false) await eventually(() => server.ends.length > before.ends);
  session.destroy();
  const details = received["grpc-status-details-bin"];
  const status = details === undefined ? undefined : fromBinary(StatusSchema, Buffer.from(details, "base64"));
  return {
    seen: {
      http: received[":status"],
      type: received["content-type"],
      added: [received["x-early"], received["x-after"]],
      blocks: received["x-early"] === undefined ? undefined : blocks,
      accepts: received["grpc-accept-encoding"],
      status: received["grpc-status"],
      details: status?.details.map((detail) => anyUnpack(detail, ErrorInfoSchema)?.reason ?? detail.typeUrl),
      messages: messagesOf(Buffer.concat(chunks)),
      reset: stream.rstCode,
      entered: entered - before.entered,
    },
    text: received["grpc-message"],
    offers: received["grpc-encoding"] === "gzip",
    ends: server.ends.slice(before.ends).map(({ rpc, code }) => [rpc, code]),
    lines: server.lines.slice(before.lines).map(({ level, event, fields: { code, reason, principal } }) => {
      // Which of the two, code or reason, tells of a cancelled call depends on what the long way noticed first.
      return { level, event, code, reason: code === "CANCELLED" ? undefined : reason, principal };
    }),
  };
}

/** The bytes of each message, decompressed. */
function messagesOf(bytes: Buffer): readonly string[] {
  if (bytes.length === 0) return [];
  const end = 5 + bytes.readUInt32BE(1);
  const message = bytes.subarray(5, end);
  return [(bytes[0] === 1 ? gunzipSync(message) : message).toString("latin1"), ...messagesOf(bytes.subarray(end))];
}

describe("the short way and the long one", () => {
  const options = {
    gate: createAuthGate({ mode: "tokens", tokens }),
    limits: { messageBytes: 2_000, headerBytes: 2_500, unaryMs: 2_000, headersMs: 1_000, requestMs: 1_000 },
  };
  let short: TestServer;
  let long: TestServer;
  beforeAll(async () => {
    short = await startTestServer(stub, options);
    long = await startTestServer(stub, { ...options, fastLane: false });
  });
  afterAll(async () => {
    await short.close(0);
    await long.close(0);
  });

  // Again where the machine stood still for longer than a deadline: what really differs does so every time.
  test.each(Object.entries(cases))("%s", { retry: 2 }, async (_name, wire) => {
    const [here, there] = [await send(short, wire), await send(long, wire)];
    expect(here.seen).toEqual(there.seen);
    if (wire.status !== undefined) expect(here.seen.status).toBe(String(wire.status));
    if (!wire.wording) expect(here.text).toBe(there.text);
    expect([here.ends, here.lines]).toEqual([there.ends, there.lines]);
    // The long way tells how it would compress: that shows which way each went.
    if (wire.isPlain === false || wire.cancel) expect(here.offers).toBe(there.offers);
    else expect([here.offers, there.offers]).toEqual([false, true]);
  });

  test("an answer that cannot be encoded is INTERNAL on both; only the short way names the call in the log", async () => {
    const wire = { method: "ResolveService", pieces: [frame(Buffer.alloc(0))] };
    const [here, there] = [await send(short, wire), await send(long, wire)];
    expect([here.seen.status, there.seen.status]).toEqual(["13", "13"]);
    expect([here.ends, here.lines.length]).toEqual([there.ends, there.lines.length]);
    expect(here.seen.details).toEqual(["INTERNAL", "type.googleapis.com/google.rpc.RequestInfo"]);
  });
});
