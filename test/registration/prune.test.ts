import { expect, test } from "vitest";
import { uuidV7Floor } from "../../src/adapters/system/ids.ts";
import { pruneAttempts } from "../../src/registration/attempts/prune-attempts.ts";
import { attempt } from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";
import { openWorkshop } from "../support/workshop.ts";

const hour = 3_600_000;
const day = 24 * hour;

test.each([
  [30 * day, ["changed 29", "running 31", "unchanged 0", "unchanged 0.7"]],
  [12 * hour, ["changed 0.4", "running 31", "unchanged 0"]],
])("attempts that have ended are kept for %i ms, those that changed nothing a day at most, those that have not ended for ever", async (retentionMs, kept) => {
  const clock = manualClock(100 * day);
  await using workshop = await openWorkshop({ clock });
  const { store } = workshop;
  const aged = (what: string, days: number, changes: Parameters<typeof attempt>[1]) => {
    const id = uuidV7Floor(clock.now() - days * day);
    return { ...attempt(id, { requestId: `${what} ${days}`, ...changes }), id };
  };
  const ended = { state: "COMPLETED", outcome: "ACTIVE" } as const;
  const unchanged = { state: "COMPLETED", outcome: "UNCHANGED" } as const;
  const changedDays = retentionMs > day ? 29 : 0.4;
  const all = [
    aged("changed", 31, ended),
    aged("running", 31.5, {}),
    aged("changed", changedDays, ended),
    aged("unchanged", 1.1, unchanged),
    aged("unchanged", 0.7, unchanged),
    aged("unchanged", 0, unchanged),
    aged("failed", 32, { state: "ROLLED_BACK" }),
  ];
  for (const one of all) await store.tx((tx) => tx.attempts.insert(one, [], hour));
  expect(await pruneAttempts({ store, clock, retentionMs, idFloor: uuidV7Floor })).toBe(false);
  const left = (await store.tx((tx) => tx.attempts.list({ limit: 100 }))).map(({ requestId }) => requestId?.replace("31.5", "31"));
  expect(left.toSorted()).toEqual(kept);
});

test("there may be more when a whole batch was deleted", async () => {
  const clock = manualClock(100 * day);
  await using workshop = await openWorkshop({ clock });
  await workshop.store.tx(async (tx) => {
    for (let index = 0; index < 501; index++) await tx.attempts.insert(attempt(uuidV7Floor(index + 1), { state: "ROLLED_BACK" }), [], hour);
  });
  const prune = () => pruneAttempts({ store: workshop.store, clock, retentionMs: day, idFloor: uuidV7Floor });
  expect([await prune(), await prune(), await prune()]).toEqual([true, false, false]);
});
