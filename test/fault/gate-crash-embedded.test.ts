import { describe, vi } from "vitest";
import { embeddedSite } from "./embedded-site.ts";
import { gateCrashSuite } from "./gate-crash.ts";

// Each test has up to three processes, and a lease is not to end because the machine is busy.
vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });

describe("embedded", () => gateCrashSuite(embeddedSite));
