/** How long a call may take: the shorter of the client's deadline and the server's. */
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { createStockClient, reasonOf, type Seen } from "../support/rpc-client.ts";
import { startTestServer, type PlatformStub } from "../support/rpc-server.ts";

describe("deadlines", () => {
  test("of the server hold when the client gives none or a longer one", async () => {
    const asked: (number | undefined)[] = [];
    const late: PlatformStub = {
      getService(_request, context) {
        asked.push(context.timeoutMs());
        return new Promise((_resolve, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason)));
      },
    };
    await using server = await startTestServer(late, { limits: { unaryMs: 800 } });
    using client = createStockClient(server.address);
    const check = (seen: Seen) => {
      expect(seen.code).toBe(grpc.status.DEADLINE_EXCEEDED);
      expect(reasonOf(seen)).toBe("DEADLINE_EXCEEDED");
    };
    check(await client.call(Platform, "GetService"));
    check(await client.call(Platform, "GetService", {}, { deadlineMs: 60_000 }));
    const json = await fetch(`${server.url}/${Platform.typeName}/GetService`, {
      method: "POST",
      headers: { "content-type": "application/json", "connect-timeout-ms": "60000" },
      body: "{}",
    });
    expect(await json.json()).toMatchObject({ code: "deadline_exceeded" });
    for (const ms of asked) expect(ms).toBeLessThanOrEqual(800);
    // A call whose time is over before its message is read asks for nothing.
    expect(asked.length).toBeGreaterThan(0);
  });

  test("end a stream whose handler ignores its signal", async () => {
    await using server = await startTestServer(
      {
        async *watchServices() {
          yield { totalCount: 1 };
          await new Promise(() => undefined);
        },
      },
      { limits: { watchMs: 1_500 } },
    );
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "WatchServices");
    expect(seen).toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED, messages: [{ totalCount: 1 }] });
  });
});
