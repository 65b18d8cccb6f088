/** Attempts as they are looked up and listed. */
import { expect, test } from "vitest";
import { getAttempt, listAttempts } from "../../src/registration/queries.ts";
import { attempt } from "../contract/store/fixtures.ts";
import { openWorkshop } from "../support/workshop.ts";

test("pages of attempts follow each other without a gap, and the last one says that it is the last", async () => {
  await using workshop = await openWorkshop();
  const { store } = workshop;
  for (const id of ["1", "2", "3", "4", "5"]) await store.tx((tx) => tx.attempts.insert(attempt(id, { state: "ROLLED_BACK" }), [], 0));
  const pages: (readonly string[])[] = [];
  for (let beforeId: string | undefined; ;) {
    const { attempts, nextBeforeId } = await listAttempts(store, { limit: 2, ...(beforeId ? { beforeId } : {}) });
    pages.push(attempts.map(({ id }) => id));
    if (nextBeforeId === undefined) break;
    beforeId = nextBeforeId;
  }
  expect(pages).toEqual([["5", "4"], ["3", "2"], ["1"]]);
  // A page that is just full is the last one, too.
  expect(await listAttempts(store, { limit: 5 })).toMatchObject({ attempts: { length: 5 }, nextBeforeId: undefined });
  expect(await listAttempts(store, { limit: 9, name: "nobody" })).toEqual({ attempts: [], nextBeforeId: undefined });
});

test("an attempt that there is not is not found, by its id", async () => {
  await using workshop = await openWorkshop();
  await workshop.store.tx((tx) => tx.attempts.insert(attempt("there"), [], 0));
  expect((await getAttempt(workshop.store, "there")).id).toBe("there");
  await expect(getAttempt(workshop.store, "gone")).rejects.toMatchObject({
    kind: "not_found",
    reason: "ATTEMPT_NOT_FOUND",
    subject: { type: "attempt", name: "gone" },
    metadata: { attempt_id: "gone" },
  });
});
