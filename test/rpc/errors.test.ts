import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import * as details from "../../gen/google/rpc/error_details_pb.ts";
import { DomainError, sharedReasons, unavailable, type DomainErrorInit } from "../../src/kernel/errors.ts";
import { registrationReasons } from "../../src/registration/reasons.ts";
import { statusName } from "../../src/kernel/status-name.ts";
import { shuttingDown, toConnectError, toFailure } from "../../src/rpc/platform/errors.ts";
import { createStockClient, reasonOf, richStatus, type Seen } from "../support/rpc-client.ts";
import { eventually, startTestServer } from "../support/rpc-server.ts";

const ids = { next: () => "request-1" };

function detailsOf<T extends DescMessage>(seen: Seen, desc: T): MessageShape<T>[] {
  return richStatus(seen)
    .details.filter((any) => any.typeUrl === `type.googleapis.com/${desc.typeName}`)
    .map((any) => fromBinary(desc, any.value));
}

/** What a stock client sees of a handler that throws this. */
async function seenOf(thrown: unknown): Promise<Seen> {
  await using server = await startTestServer({
    getService() {
      throw thrown;
    },
  });
  using client = createStockClient(server.address);
  return await client.call(Platform, "GetService");
}

const init = (kind: DomainErrorInit["kind"], more: Partial<DomainErrorInit> = {}): DomainError =>
  new DomainError({
    kind,
    reason: "INVALID_FIELDS",
    message: `it is ${kind}`,
    subject: { type: "attempt", name: "a1" },
    metadata: { state: "RUNNING", attempt_id: "a1" },
    ...more,
  });

describe("every kind has its status and details", () => {
  const { BadRequestSchema, PreconditionFailureSchema, QuotaFailureSchema, ResourceInfoSchema, RetryInfoSchema } = details;
  const about = { resourceType: "attempt", resourceName: "a1" };
  test.each([
    ["invalid", "INVALID_ARGUMENT", BadRequestSchema, { fieldViolations: [{ field: "tags[1]", description: "must be short" }] }],
    ["not_found", "NOT_FOUND", ResourceInfoSchema, about],
    ["already_exists", "ALREADY_EXISTS", ResourceInfoSchema, about],
    [
      "wrong_state",
      "FAILED_PRECONDITION",
      PreconditionFailureSchema,
      { violations: [{ type: "INVALID_FIELDS", subject: "a1", description: "it is wrong_state" }] },
    ],
    ["conflict", "ABORTED", RetryInfoSchema, { retryDelay: { nanos: 200_000_000 } }],
    ["exhausted", "RESOURCE_EXHAUSTED", QuotaFailureSchema, { violations: [{ subject: "a1" }] }],
    ["exhausted", "RESOURCE_EXHAUSTED", RetryInfoSchema, { retryDelay: { seconds: 1n } }],
    ["unavailable", "UNAVAILABLE", RetryInfoSchema, { retryDelay: { seconds: 2n } }],
    ["timeout", "DEADLINE_EXCEEDED", RetryInfoSchema, { retryDelay: { seconds: 1n } }],
    ["unauthenticated", "UNAUTHENTICATED", undefined, {}],
    ["denied", "PERMISSION_DENIED", undefined, {}],
    ["cancelled", "CANCELLED", undefined, {}],
    ["unimplemented", "UNIMPLEMENTED", undefined, {}],
  ] as const)("%s → %s", async (kind, status, desc, expected) => {
    const seen = await seenOf(init(kind, { fields: [{ field: "tags[1]", description: "must be short" }] }));
    expect(grpc.status[seen.code]).toBe(status);
    expect(seen.details).toBe(`it is ${kind}`);
    const [info] = detailsOf(seen, details.ErrorInfoSchema);
    expect(info).toMatchObject({ reason: "INVALID_FIELDS", domain: "muster", metadata: { attempt_id: "a1", state: "RUNNING" } });
    if (desc) expect(detailsOf(seen, desc)).toMatchObject([expected]);
  });

  test("what it is about is said by the error, not guessed from its metadata", async () => {
    const bare = new DomainError({ kind: "not_found", reason: "ATTEMPT_NOT_FOUND", message: "gone", metadata: { state: "RUNNING" } });
    expect(detailsOf(await seenOf(bare), ResourceInfoSchema)).toMatchObject([{ resourceType: "", resourceName: "", description: "gone" }]);
    const long = init("not_found", { subject: { type: "attempt", name: "n".repeat(5_000) } });
    expect(detailsOf(await seenOf(long), ResourceInfoSchema)[0]?.resourceName.length).toBeLessThan(301);
  });

  test("a retry delay given by the error is sent", async () => {
    const seen = await seenOf(unavailable("catalog", "no answer"));
    expect(detailsOf(seen, RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 2n, nanos: 0 } }]);
    expect(detailsOf(seen, details.ErrorInfoSchema)).toMatchObject([{ metadata: { dependency: "catalog" } }]);
  });

  test("a conflict that will not pass has no retry delay", async () => {
    const seen = await seenOf(init("conflict", { reason: "REQUEST_ID_REUSED" }));
    expect(detailsOf(seen, RetryInfoSchema)).toEqual([]);
  });
});

describe("a fault of ours", () => {
  test.each([
    ["an error", new Error("secret: SELECT * FROM users")],
    ["a string", "secret"],
    ["undefined", undefined],
    ["an internal DomainError", new DomainError({ kind: "internal", reason: "INTERNAL", message: "secret" })],
    ["an abort that is not the call's", new DOMException("secret", "TimeoutError")],
    ["another server's answer", Object.assign(new ConnectError("secret", Code.PermissionDenied), { isWireError: true })],
  ])("%s is INTERNAL with a fixed text and an id that the log has", async (_name, thrown) => {
    await using server = await startTestServer(
      {
        getService() {
          throw thrown;
        },
      },
      { ids },
    );
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "GetService");
    expect(seen).toMatchObject({ code: grpc.status.INTERNAL, details: "internal error, see the server's log for request request-1" });
    expect(reasonOf(seen)).toBe("INTERNAL");
    expect(detailsOf(seen, details.RequestInfoSchema)).toMatchObject([{ requestId: "request-1" }]);
    expect(JSON.stringify(richStatus(seen), (_key, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain("secret");
    await eventually(() => server.lines.length > 0);
    expect(server.lines).toMatchObject([{ level: "error", event: "call failed", fields: { code: "INTERNAL", requestId: "request-1" } }]);
  });

  test("in mid-stream is sent in the same way, and logged once with its cause", async () => {
    const cause = new Error("secret");
    await using server = await startTestServer(
      {
        async *register() {
          yield {};
          throw cause;
        },
      },
      { ids },
    );
    using client = createStockClient(server.address);
    expect(await client.call(Platform, "Register")).toMatchObject({ code: grpc.status.INTERNAL, messages: [{}] });
    await eventually(() => server.lines.length > 0);
    expect(server.lines).toHaveLength(1);
    expect(server.lines[0]!.fields["error"]).toBe(cause);
  });
});

describe("texts", () => {
  test.each(["100% of a: b/c?d=e&f#g+h", "naïve ☃ 😀", "%3A %2F"])("%s arrives unchanged", async (message) => {
    expect((await seenOf(init("denied", { message }))).details).toBe(message);
  });

  test("with control characters and broken surrogates are made safe", async () => {
    expect((await seenOf(init("denied", { message: "a\nb\ud800c\u202e" }))).details).toBe("a\\u000ab\ufffdc\\u202e");
  });

  test.each(["m", "語"])("of any length fit into the headers of an answer (%s)", async (letter) => {
    const fields = Array.from({ length: 500 }, (_, i) => ({ field: `metadata["${"k".repeat(200)}${i}"]`, description: "must be shorter ".repeat(10) }));
    const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, "v".repeat(5_000)]));
    const seen = await seenOf(init("invalid", { message: letter.repeat(50_000), fields, metadata }));
    expect(seen.code).toBe(grpc.status.INVALID_ARGUMENT);
    const sent = seen.trailers.get("grpc-status-details-bin")[0]!.length * (4 / 3) + encodeURIComponent(seen.details).length;
    expect(sent).toBeLessThan(7_000);
    const [bad] = detailsOf(seen, details.BadRequestSchema);
    const listed = bad!.fieldViolations.length - 1;
    expect(listed).toBeGreaterThan(4);
    expect(bad!.fieldViolations.at(-1)).toMatchObject({ field: "", description: `and ${500 - listed} more` });
  });
});

describe("an aborted call", () => {
  const signalOf = (reason: unknown) => AbortSignal.abort(reason);
  test.each([
    ["the deadline of the protocol layer", new ConnectError("late", Code.DeadlineExceeded), "DEADLINE_EXCEEDED"],
    ["a timeout signal", new DOMException("late", "TimeoutError"), "DEADLINE_EXCEEDED"],
    ["a shutdown", shuttingDown(), "UNAVAILABLE"],
    ["a reset by the client", new ConnectError("reset", Code.Internal), "CANCELLED"],
    ["a closed connection", new DOMException("gone", "AbortError"), "CANCELLED"],
  ])("by %s", (_name, reason, status) => {
    expect(statusName(toConnectError(reason, ids, signalOf(reason)).code)).toBe(status);
    const wrapped = new DOMException("aborted", "AbortError");
    expect(statusName(toConnectError(wrapped, ids, signalOf(reason)).code)).toBe(status);
  });

  test("keeps an error of its own", () => {
    const own = unavailable("store", "down");
    expect(toFailure(own, ids, signalOf(new Error("x"))).reason).toBe("DEPENDENCY_UNAVAILABLE");
  });
});

test("errors of the protocol layer keep their code", () => {
  expect(toFailure(new ConnectError("too large", Code.ResourceExhausted), ids)).toMatchObject({
    error: { code: Code.ResourceExhausted, rawMessage: "too large" },
    reason: undefined,
  });
});

test("every reason can be sent", () => {
  for (const reason of [...sharedReasons, ...registrationReasons]) {
    const [info] = toConnectError(init("denied", { reason }), ids).findDetails(details.ErrorInfoSchema);
    expect(info?.reason).toBe(reason);
  }
});
