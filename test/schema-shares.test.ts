/** One caller keeps the schema checks as busy as it can; the others must not notice. */
import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { startSandboxChild } from "../src/adapters/schema-sandbox/sandbox-child.ts";
import { createSchemaSandbox } from "../src/adapters/schema-sandbox/sandbox.ts";
import { createSchemaCheck } from "../src/adapters/schema-sandbox/schema-check.ts";

const soon = () => AbortSignal.timeout(60_000);
/** Takes longer than any limit. */
const endless = (title: string) => JSON.stringify({ title, anyOf: Array.from({ length: 3_000 }, (_, index) => ({ pattern: `(\\pL|\\pN){900}x${index}` })) });

test("checks that are killed one after the other hold up only whoever sends them", async () => {
  await using sandbox = createSchemaSandbox({ startMs: 60_000 });
  const [slow, patient] = [createSchemaCheck(sandbox, { limitMs: 5_000 }), createSchemaCheck(sandbox, { limitMs: 30_000 })];
  const stopped = new AbortController();
  let ended = 0;
  const busy = Array.from({ length: 30 }, (_, index) =>
    slow(endless(`${index}`), "greedy", stopped.signal).catch(() => void (stopped.signal.aborted || (ended += 1))),
  );
  const modest = Array.from({ length: 10 }, (_, index) => patient(`{"title":"${index}"}`, "modest", soon()));
  expect(await Promise.all(modest)).toHaveLength(10);
  // In turns with a single child it would be ten.
  expect(ended).toBeLessThan(5);
  stopped.abort(new Error("enough"));
  await Promise.all(busy);
});

test("a process for checks that may take their time yields to others", async () => {
  const options = { startMs: 60_000, memoryMb: 96 };
  const [plain, nice] = await Promise.all([startSandboxChild(options), startSandboxChild({ ...options, niceness: 10 })]);
  expect(getPriority(nice.pid) - getPriority(plain.pid)).toBe(10);
  await Promise.all([plain.kill(), nice.kill()]);
});
