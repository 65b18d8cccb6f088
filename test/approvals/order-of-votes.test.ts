import { assert, constantFrom, infiniteStream, property, shuffledSubarray } from "fast-check";
import { expect, test } from "vitest";
import { vote } from "../../src/approvals/machine.ts";
import { isOpen, type Approval } from "../../src/approvals/request.ts";
import { begin, credentials, everybody } from "./agreement.ts";
import { setups } from "./setups.ts";

/** One stage, and no stand-in who is absent himself: such a one may vote in his own right, and then takes the place of his own stand-in. */
const firstStageOnly = setups.map((setup) => {
  const { stages, onUnsatisfiable } = setup.policy;
  const policy = { ...setup.policy, stages: stages.slice(0, 1), onUnsatisfiable: typeof onUnsatisfiable === "object" ? ("reject" as const) : onUnsatisfiable };
  const standIns = setup.standIns.filter(({ to }) => setup.standIns.every(({ from }) => from !== to));
  return { ...setup, policy, standIns };
});

test("approvals and abstentions in every order have one outcome", () => {
  const order = shuffledSubarray([...everybody], { minLength: everybody.length });
  assert(
    property(firstStageOnly, order, order, infiniteStream(constantFrom("approve", "approve", "abstain")), (setup, one, other, verdicts) => {
      const { model, real } = begin(setup);
      const candidates = real.approval.stages[0]?.requirements.flatMap(({ candidates: list }) => list?.map(({ name }) => name) ?? []) ?? [];
      const verdictOf = new Map(everybody.map((name) => [name as string, verdicts.next().value]));
      const after = (names: readonly string[]) =>
        names
          .filter((name) => candidates.includes(name))
          .reduce((approval: Approval, name) => {
            const command = { voter: credentials(model, name), verdict: verdictOf.get(name) ?? "approve", digest: "d1", comment: "" } as const;
            const answer = vote(approval, command, real.policy, real.world);
            // Who is too late has not decided anything else.
            if ("refusal" in answer) expect(isOpen(approval)).toBe(false);
            return "refusal" in answer ? approval : answer.approval;
          }, real.approval);
      expect(after(one).decision).toBe(after(other).decision);
    }),
    { numRuns: Number(process.env["MODEL_RUNS"] ?? 300) },
  );
});
