import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { eventually, startTestServer } from "../support/rpc-server.ts";

const all = ["", Platform.typeName, "muster.registration.v1.RegistrationService", Health.typeName];

test("Check answers for the server and every service, and NOT_FOUND for others", async () => {
  await using server = await startTestServer({});
  using client = createStockClient(server.address);
  for (const serving of [true, false]) {
    server.setServing(serving);
    for (const service of all) {
      const seen = await client.call(Health, "Check", { service });
      expect(seen.messages).toMatchObject([{ status: serving ? Status.SERVING : Status.NOT_SERVING }]);
    }
  }
  expect(await client.call(Health, "Check", { service: "no.such.Service" })).toMatchObject({ code: grpc.status.NOT_FOUND });
});

test("List has all of them", async () => {
  await using server = await startTestServer({});
  using client = createStockClient(server.address);
  const [list] = (await client.call(Health, "List")).messages;
  expect(list).toMatchObject({ statuses: Object.fromEntries(all.map((name) => [name, { status: Status.SERVING }])) });
});

test("Watch says the status at once and on every change, only then", async () => {
  await using server = await startTestServer({});
  using client = createStockClient(server.address);
  const known = client.start(Health, "Watch", { service: Platform.typeName });
  const unknown = client.start(Health, "Watch", { service: "no.such.Service" });
  const statuses = () => known.messages.map((message) => (message as unknown as { status: Status }).status);
  await eventually(() => known.messages.length === 1 && unknown.messages.length === 1);
  server.setServing(true);
  server.setServing(false);
  await eventually(() => known.messages.length === 2);
  server.setServing(true);
  await eventually(() => known.messages.length === 3);
  expect(statuses()).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
  expect(unknown.messages).toMatchObject([{ status: Status.SERVICE_UNKNOWN }]);
  known.cancel();
  expect(await known.ended).toMatchObject({ code: grpc.status.CANCELLED });
  unknown.cancel();
});
