import { afterAll, vi } from "vitest";
import { tailKafka } from "../support/kafka-tail.ts";
import { describeReal } from "../support/real-servers.ts";
import { gateCrashSuite } from "./gate-crash.ts";
import { realSite } from "./real-site.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });

describeReal("real servers", (servers) => {
  const tail = tailKafka(servers);
  afterAll(() => tail[Symbol.asyncDispose]());
  gateCrashSuite(() => realSite(servers, tail));
});
