import * as fc from "fast-check";
import { test } from "vitest";
import { begin } from "./agreement.ts";
import { commands } from "./commands.ts";
import { setups } from "./setups.ts";

/** `MODEL_RUNS=20000 npx vitest run test/approvals/machine-model.test.ts` searches for longer. */
const numRuns = Number(process.env["MODEL_RUNS"] ?? 300);

test("the machine agrees with the naive model after every command", () => {
  fc.assert(
    fc.property(setups, commands, (setup, list) => fc.modelRun(() => begin(setup), list)),
    { numRuns },
  );
});
