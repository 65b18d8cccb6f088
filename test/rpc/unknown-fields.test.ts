/** JSON with a field that the contract does not have is refused, and the answer says which and what was probably meant. */
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { eventually, startTestServer, type PlatformStub, type TestServer } from "../support/rpc-server.ts";

const stub: PlatformStub = {
  getService: () => ({ serviceName: "a" }),
  async *register() {
    yield {};
  },
};

const cases = [
  [{ lookup_key: "a" }, "lookup_key", undefined],
  [{ serviceNmae: "a" }, "serviceNmae", "serviceName"],
  [{ service_nmae: "a" }, "service_nmae", "service_name"],
] as const;

async function call(server: TestServer, method: string, body: object): Promise<Response> {
  return fetch(`${server.url}/${Platform.typeName}/${method}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

describe("a unary call", () => {
  test.each(cases)("%j", async (body, field, near) => {
    await using server = await startTestServer(stub);
    const response = await call(server, "GetService", body);
    expect(response.status).toBe(400);
    const { code, message, details } = (await response.json()) as { code: string; message: string; details: readonly { type: string; debug?: unknown }[] };
    expect(code).toBe("invalid_argument");
    expect(message).toBe(`unknown field "${field}" in GetServiceRequest${near === undefined ? "" : `; did you mean "${near}"?`}`);
    expect(details.map(({ type }) => type)).toEqual(expect.arrayContaining(["google.rpc.ErrorInfo", "google.rpc.BadRequest"]));
    await eventually(() => server.lines.length > 0);
    expect(server.lines).toMatchObject([{ level: "info", event: "call failed", fields: { code: "INVALID_ARGUMENT", reason: "INVALID_FIELDS" } }]);
  });

  test("with both spellings of a field it has is answered", async () => {
    await using server = await startTestServer(stub);
    for (const body of [{ serviceName: "a" }, { service_name: "a" }]) expect((await call(server, "GetService", body)).status).toBe(200);
  });
});

test.each([
  [{ nmae: "a" }, 'unknown field "nmae" in RegisterRequest; did you mean "name"?'],
  [{ helth_timeout: "1s" }, 'unknown field "helth_timeout" in RegisterRequest; did you mean "health_timeout"?'],
  [{ connectivity: { advertisdHost: "a" } }, 'unknown field "advertisdHost" in Connectivity; did you mean "advertisedHost"?'],
])("a stream: %j", async (body, message) => {
  await using server = await startTestServer(stub);
  const json = Buffer.from(JSON.stringify(body));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(json.length, 1);
  const url = `${server.url}/${Platform.typeName}/Register`;
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/connect+json" }, body: Buffer.concat([head, json]) });
  const text = await response.text();
  expect(JSON.parse(text.slice(text.indexOf("{")))).toMatchObject({ error: { code: "invalid_argument", message } });
  await eventually(() => server.lines.length > 0);
  expect(server.lines).toMatchObject([{ level: "info", fields: { reason: "INVALID_FIELDS" } }]);
});
