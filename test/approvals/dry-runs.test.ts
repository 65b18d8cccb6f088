/** A dry run leaves no trace: every table has the same rows after it as before, and nothing is counted. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { putPolicy } from "../../src/approvals/policy/policies.ts";
import { createApproval } from "../../src/approvals/requests.ts";
import { simulatePolicy } from "../../src/approvals/simulation.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { actor, approvalWorkshop, type Workshop } from "../support/approval-workshop.ts";
import { manualClock } from "../support/manual-clock.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-dry-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const policy =
  "{key: k, subject: document, ttl: 10h, route: [{id: now, when: \"subject.id == 'at-once'\", then: approve}], stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: 1}]}]}";

/** Every row of every table, as text. */
function dump(path: string): Readonly<Record<string, readonly string[]>> {
  using database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare("select name from sqlite_master where type = 'table' order by name").all() as { name: string }[];
  return Object.fromEntries(
    tables.map(({ name }) => [
      name,
      database
        .prepare(`select * from "${name}"`)
        .all()
        .map((row) => JSON.stringify(row))
        .toSorted(),
    ]),
  );
}

type Dry = (shop: Workshop, id: string) => Promise<unknown>;
const create = (shop: Workshop, id: string) =>
  createApproval(
    shop.deps,
    { commandId: "c", policyKey: "k", subject: { type: "document", id, digest: "d" }, context: "", onBehalfOf: "", isDryRun: true },
    actor("eve"),
  );

const dry: Readonly<Record<string, Dry>> = {
  "of a creation": (shop) => create(shop, "new"),
  "of a creation that is decided at once": async (shop) => expect((await create(shop, "at-once")).seen.approval.decision).toBe("APPROVED"),
  "of a creation that joins a request": async (shop, id) => expect((await create(shop, "x")).seen.approval.id).toBe(id),
  "of a vote that decides": async (shop, id) =>
    expect(await shop.vote(id, "bob", { commandId: "v" }, true)).toMatchObject({ seen: { approval: { decision: "APPROVED" } } }),
  "of a vote that is refused": async (shop, id) => expect(await shop.vote(id, "amy", {}, true)).toMatchObject({ refusal: { refusal: "SOD_REQUESTER" } }),
  "of a policy": ({ deps }) =>
    putPolicy({ ...deps, isEnumerable: () => false }, { source: policy.replace("10h", "11h"), validateOnly: true }, principalOf("open", "root", ["admin"])),
  "of a policy's effect on a request, with votes": ({ deps }) =>
    simulatePolicy(
      deps,
      {
        policy: { key: "k" },
        context: "",
        subject: { type: "document", id: "x", digest: "d" },
        requester: "open|amy",
        votes: [{ voter: "open|bob", groups: ["team"], roles: [], verdict: "approve", requirement: "" }],
      },
      actor("eve"),
    ),
};

test.each(Object.entries(dry))("%s", async (name, run) => {
  const path = join(folder, `${name.replaceAll(/\W/g, "-")}.db`);
  const clock = manualClock(1_000_000);
  const open = () => openSqliteStore({ path, clock });
  let id = "";
  {
    await using store = await open();
    const shop = approvalWorkshop(store, clock);
    await shop.usePolicy(policy);
    ({ id } = await shop.open("x"));
  }
  const before = dump(path);
  expect(before["approval_requests"]).toHaveLength(1);
  {
    await using store = await open();
    const shop = approvalWorkshop(store, clock);
    await run(shop, id);
    expect(shop.counted).toEqual([]);
  }
  expect(dump(path)).toEqual(before);
});
