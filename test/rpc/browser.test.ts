/** What a browser needs: grpc-web-text, and pages of other origins that the operator has named. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  GetServiceRequestSchema,
  GetServiceResponseSchema,
  PlatformRegistrationService as Platform,
  RegisterRequestSchema,
  RegisterResponseSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import { startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const stub: PlatformStub = {
  getService({ lookupKey }) {
    if (lookupKey.value === "none") throw new DomainError({ kind: "not_found", reason: "REGISTRATION_NOT_FOUND", message: "no such service" });
    return { serviceName: lookupKey.value ?? "" };
  },
  async *register({ name }) {
    for (const message of ["one", "two"]) yield { event: { message: `${name} ${message}` } };
  },
};

function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const ask = (value: string) => frame(toBinary(GetServiceRequestSchema, create(GetServiceRequestSchema, { lookupKey: { case: "serviceName", value } })));

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly messages: readonly Buffer[];
  readonly trailer: string;
}

/** Decodes group by group, as the published clients do. */
async function post(url: string, method: string, body: string, type = "application/grpc-web-text"): Promise<Answer> {
  const response = await fetch(`${url}/${Platform.typeName}/${method}`, { method: "POST", headers: { "content-type": type, "x-grpc-web": "1" }, body });
  const text = await response.text();
  let bytes = Buffer.concat((text.match(/.{4}/g) ?? []).map((group) => Buffer.from(group, "base64")));
  const messages: Buffer[] = [];
  let trailer = `grpc-status: ${response.headers.get("grpc-status")}`;
  for (; bytes.length > 0;) {
    const end = 5 + bytes.readUInt32BE(1);
    if (bytes[0] === 0x80) trailer = bytes.subarray(5, end).toString();
    else messages.push(bytes.subarray(5, end));
    bytes = bytes.subarray(end);
  }
  return { status: response.status, type: response.headers.get("content-type"), messages, trailer };
}

describe("grpc-web-text", () => {
  test.each(["application/grpc-web-text", "application/grpc-web-text+proto"])("answers calls, streams and errors in base64 (%s)", async (type) => {
    await using server = await startTestServer(stub);
    const one = await post(server.url, "GetService", ask("a").toString("base64"), type);
    expect([one.status, one.type]).toEqual([200, type]);
    expect(one.messages.map((bytes) => fromBinary(GetServiceResponseSchema, bytes).serviceName)).toEqual(["a"]);
    expect(one.trailer).toContain("grpc-status: 0");

    const request = frame(toBinary(RegisterRequestSchema, create(RegisterRequestSchema, { name: "m" })));
    const many = await post(server.url, "Register", request.toString("base64"), type);
    expect(many.messages.map((bytes) => fromBinary(RegisterResponseSchema, bytes).event?.message)).toEqual(["m one", "m two"]);

    expect((await post(server.url, "GetService", ask("none").toString("base64"), type)).trailer).toContain(`grpc-status: ${grpc.status.NOT_FOUND}`);
    expect((await post(server.url, "Nothing", "", type)).trailer).toContain(`grpc-status: ${grpc.status.UNIMPLEMENTED}`);
  });

  test("takes a body that is padded in its middle, and refuses one that is no base64", async () => {
    await using server = await startTestServer(stub);
    const all = ask("abc");
    const padded = all.subarray(0, 4).toString("base64") + all.subarray(4).toString("base64");
    expect(padded).toContain("==");
    const seen = await post(server.url, "GetService", padded);
    expect(seen.messages.map((bytes) => fromBinary(GetServiceResponseSchema, bytes).serviceName)).toEqual(["abc"]);
    for (const bad of ["AAAA!!!!", "AAA", "=AAA"]) {
      expect((await post(server.url, "GetService", bad)).trailer).toContain(`grpc-status: ${grpc.status.INVALID_ARGUMENT}`);
    }
  });
});

describe("pages of other origins", () => {
  const origin = "https://console.example.org";
  const preflight = { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type,x-grpc-web,authorization" };
  const ways = ["GetService", "Register"];

  test.each(ways)("that are named may call: the preflight and the answer say so (%s)", async (method) => {
    await using server = await startTestServer(stub, { corsOrigins: [origin] });
    const url = `${server.url}/${Platform.typeName}/${method}`;
    const before = await fetch(url, { method: "OPTIONS", headers: preflight });
    expect(before.status).toBe(204);
    expect(before.headers.get("access-control-allow-origin")).toBe(origin);
    expect(before.headers.get("access-control-allow-methods")).toContain("POST");
    for (const field of preflight["access-control-request-headers"].split(",")) expect(before.headers.get("access-control-allow-headers")).toContain(field);

    for (const type of ["application/grpc-web+proto", "application/grpc-web-text", "application/json"]) {
      const body = type === "application/json" ? "{}" : type.endsWith("text") ? ask("a").toString("base64") : new Uint8Array(ask("a"));
      const answer = await fetch(url, { method: "POST", headers: { origin, "content-type": type }, body });
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect(answer.headers.get("access-control-expose-headers")).toContain("grpc-status-details-bin");
      expect(answer.headers.get("vary")).toContain("origin");
      await answer.bytes();
    }
  });

  test.each([[[]], [["https://other.example.org"]]])("that are not named are not let in (named: %j)", async (corsOrigins) => {
    await using server = await startTestServer(stub, { corsOrigins });
    const url = `${server.url}/${Platform.typeName}/GetService`;
    const before = await fetch(url, { method: "OPTIONS", headers: preflight });
    expect(before.ok).toBe(false);
    expect(before.headers.get("access-control-allow-origin")).toBeNull();
    const answer = await fetch(url, { method: "POST", headers: { origin, "content-type": "application/json" }, body: "{}" });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, null]);
    await answer.bytes();
  });
});
