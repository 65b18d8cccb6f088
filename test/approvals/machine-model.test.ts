import * as fc from "fast-check";
import { test } from "vitest";
import { begin } from "./agreement.ts";
import { commands, expiring, grantCommands } from "./commands.ts";
import { grantedSetups, setups } from "./setups.ts";

/** `MODEL_RUNS=20000 npx vitest run test/approvals/machine-model.test.ts` searches for longer. */
const numRuns = Number(process.env["MODEL_RUNS"] ?? 300);

test("the machine agrees with the naive model after every command", () => {
  fc.assert(
    fc.property(setups, commands, (setup, list) => fc.modelRun(() => begin(setup), list)),
    { numRuns },
  );
});

test("and of what an approval grants", () => {
  const approved: typeof begin = (setup) => {
    const both = begin(setup);
    expiring.run(both.model, both.real);
    return both;
  };
  fc.assert(
    fc.property(grantedSetups, grantCommands, (setup, list) => fc.modelRun(() => approved(setup), list)),
    { numRuns },
  );
});
