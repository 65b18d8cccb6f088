/** A server that lets its own machine in, and the web pages that a browser on this machine shows. */
import http from "node:http";
import http2 from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";

const path = `/${Platform.typeName}/ListServices`;

describe("open access", () => {
  let backing: Backing;
  let muster: MusterProcess;
  beforeAll(async () => {
    backing = await embeddedBacking();
    muster = await startMuster(backing.env);
  });
  afterAll(async () => {
    await muster[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  const emptyFrame = Buffer.alloc(5);
  const protocols = {
    Connect: { "content-type": "application/json" },
    "gRPC-Web": { "content-type": "application/grpc-web+proto" },
    "a page's form": { "content-type": "text/plain" },
  };

  function port(): number {
    return Number(muster.address.split(":")[1]);
  }

  async function post(headers: http.OutgoingHttpHeaders): Promise<{ readonly status: number | undefined; readonly text: string }> {
    const request = http.request({ host: "127.0.0.1", port: port(), method: "POST", path, headers });
    request.end(headers["content-type"] === "application/grpc-web+proto" ? emptyFrame : "{}");
    const response = await new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
    const chunks = await Array.fromAsync(response as AsyncIterable<Buffer>);
    return { status: response.statusCode, text: `${JSON.stringify(response.headers)}${Buffer.concat(chunks).toString("latin1")}` };
  }

  test.each(Object.entries(protocols))("%s with a name that was made to mean this machine is refused", async (_protocol, headers) => {
    for (const host of ["evil.example", `evil.example:${port()}`, "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1"]) {
      const { status, text } = await post({ ...headers, host });
      expect([status === 403 || text.includes('"grpc-status":"7"'), text.includes("totalCount")]).toEqual([true, false]);
    }
  });

  test.each(Object.entries(protocols))("%s from another page is refused", async (_protocol, headers) => {
    for (const origin of ["https://evil.example", "null", "http://localhost.evil.example", "http://evil.example:7430"]) {
      const { status, text } = await post({ ...headers, origin });
      expect(status === 403 || text.includes('"grpc-status":"7"')).toBe(true);
    }
  });

  test("pages and routes too", async () => {
    for (const route of ["/metrics", "/health", "/descriptor.binpb"]) {
      const request = http.get({ host: "127.0.0.1", port: port(), path: route, headers: { host: "evil.example" } });
      const response = await new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
      response.resume();
      expect(response.statusCode).toBe(403);
    }
  });

  test("gRPC under another authority is refused", async () => {
    const session = http2.connect(`http://${muster.address}`);
    const stream = session.request({ ":method": "POST", ":path": path, ":authority": "evil.example", "content-type": "application/grpc" });
    stream.end(emptyFrame);
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
    expect(headers["grpc-status"]).toBe("7");
    session.destroy();
  });

  test("clients on this machine are let in, by any of its names, and so is a page of its own", async () => {
    for (const host of [muster.address, `localhost:${port()}`, "LOCALHOST", `[::1]:${port()}`, "127.9.9.9:1"]) {
      expect((await post({ ...protocols.Connect, host })).status).toBe(200);
    }
    expect((await post({ ...protocols.Connect, origin: "http://localhost:5173" })).status).toBe(200);
    for (const address of [muster.address, `localhost:${port()}`]) {
      using client = createStockClient(address);
      expect(await client.call(Platform, "ListServices")).toMatchObject({ code: 0 });
    }
  });
});
