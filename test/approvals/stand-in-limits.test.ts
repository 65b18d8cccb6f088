/** How long somebody may have a stand-in, and how many. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { putStandIn } from "../../src/approvals/stand-ins.ts";
import type { Directory } from "../../src/approvals/types.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";

const day = 86_400_000;
const now = 1_795_000_000_000;
const actor = { tenant: "default", person: { key: "t|amy", name: "amy", groups: [], roles: [] }, isAdmin: false, traceparent: undefined };
const bob = { key: "t|bob", name: "bob", aliases: [], groups: [], roles: [], isEnabled: true };

let store: MusterStore;
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", clock: { now: () => now } });
});
afterEach(() => store[Symbol.asyncDispose]());

test.each([
  ["30 days where the directory says so", { version: 1, members: [bob], standInMaxMs: 30 * day }, 30],
  ["366 days where it does not", { version: 1, members: [bob] }, 366],
  ["366 days without a directory", undefined, 366],
  ["366 days while it is unknown", "unknown", 366],
] as const)("is at most %s", async (_what, directory: Directory | "unknown" | undefined, days) => {
  const deps = { store, ids: createUuidV7(systemClock), directory: () => directory };
  const put = (until: number) => putStandIn(deps, { to: "t|bob", policies: [], until }, actor);
  const latest = now + days * day;
  expect(await put(latest)).toMatchObject({ to: "t|bob", until: latest });
  const refused: unknown = await put(latest + 1).catch((error: unknown) => error);
  expect(refused instanceof DomainError && refused.fields).toEqual([
    { field: "until", description: `must be ${new Date(latest).toISOString()} at the latest` },
  ]);
});

test("one person has 50 at most, so that others have theirs", async () => {
  const deps = { store, ids: createUuidV7(systemClock), directory: () => undefined };
  const put = (by: typeof actor) => putStandIn(deps, { to: "t|bob", policies: [], until: now + day }, by);
  for (let n = 0; n < 50; n++) await put(actor);
  await expect(put(actor)).rejects.toMatchObject({ fields: [{ field: "to", description: "you have 50 stand-ins already" }] });
  expect(await put({ ...actor, person: { ...actor.person, key: "t|cat" } })).toMatchObject({ to: "t|bob" });
});
