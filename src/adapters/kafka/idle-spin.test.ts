import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { stopIdleSpin } from "./idle-spin.ts";

interface Queue {
  throttledUntil: number;
  readonly throttleCheckTimeoutId: unknown;
  scheduleCheckPendingRequests(): void;
  push(request: object): void;
  destroy(): void;
}

function createQueue(): Queue {
  const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js") as new (options: object) => Queue;
  return new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1_000, clientId: "test", broker: "none", logger: { debug() {} } });
}

test("an empty queue arms no timer, which the driver alone does", () => {
  const former = createQueue();
  former.throttledUntil = Date.now() + 1_000;
  const { scheduleCheckPendingRequests } = former;
  stopIdleSpin();
  stopIdleSpin();
  scheduleCheckPendingRequests.call(former);
  expect(former.throttleCheckTimeoutId).not.toBeNull();
  former.destroy();

  const queue = createQueue();
  queue.throttledUntil = Date.now() + 1_000;
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
});

test("a request that was throttled is sent when the throttle ends", async () => {
  stopIdleSpin();
  const queue = createQueue();
  queue.throttledUntil = Date.now() + 20;
  const sent = Promise.withResolvers<number>();
  queue.push({ entry: { correlationId: 1 }, expectResponse: true, sendRequest: () => sent.resolve(Date.now()) });
  expect(await sent.promise).toBeGreaterThanOrEqual(queue.throttledUntil);
  queue.destroy();
});
