/** What it costs that a million requests are open: the inbox, a Get and a vote, beside the same with a thousand. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { ApprovalService, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { parsePolicy } from "../../src/approvals/policy/parse.ts";
import { createPolicy } from "../../src/approvals/policy/policy.ts";
import { get, person, usePolicy } from "../../test/support/approvals.ts";
import type { MusterClient } from "../../test/support/client.ts";
import { createDatabase, startMuster } from "../../test/support/muster.ts";
import { fill } from "../approval-fill.ts";
import { ms, type Row } from "../report.ts";
import { median, quantile } from "../stats.ts";

const { getApproval, listApprovals, vote } = ApprovalService.method;
const source = `{key: bench, subject: document, ttl: 52w, stages: [
  {id: one, requirements: [{id: r, who: {groups: [first]}, need: 1}]}, {id: two, requirements: [{id: r, who: {groups: [second]}, need: 1}]}]}`;
const aim = 1.5;

/** A Muster with that many open requests, all of which the voter may decide. */
interface Side {
  readonly voter: MusterClient;
  /** Of its requests, in random order. */
  readonly ids: readonly string[];
}

/** `only`: one of the two databases, in lower case. */
export async function openRequests(mysql: string, directory: string, quick: boolean, only: string | undefined): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const store of (["MySQL", "SQLite"] as const).filter((name) => only === undefined || name.toLowerCase() === only)) {
    await using stack = new AsyncDisposableStack();
    const sides: Side[] = [];
    for (const count of [1_000, quick ? 10_000 : 1_000_000]) sides.push(await open(stack, store, mysql, directory, count));
    rows.push(...(await compare(sides as [Side, Side], quick ? 0.05 : 1)).map((row) => ({ ...row, what: `${store}, ${row.what}` })));
  }
  return rows;
}

async function open(stack: AsyncDisposableStack, store: "MySQL" | "SQLite", mysql: string, directory: string, count: number): Promise<Side> {
  let url = `${directory}/open-${randomUUID()}.db`;
  if (store === "MySQL") {
    const database = await createDatabase(mysql);
    stack.defer(() => database.drop());
    ({ url } = database);
  } else stack.defer(() => rm(url, { force: true }));
  const env = { MUSTER_STORE: store === "MySQL" ? url : `sqlite:${url}` };
  const first = await startMuster(env);
  {
    using root = person(first.address, "root");
    await usePolicy(root, source);
  }
  first.signal("SIGTERM");
  await first.ended;
  const { document } = parsePolicy(source, { isEnumerable: false });
  if (!document) throw new Error("the policy is right");
  const from = performance.now();
  const ids = await fill(store, url, count, createPolicy(document, 1), { key: "open|asker", name: "asker", groups: [], roles: [] });
  process.stderr.write(`${store}: ${count} requests in ${((performance.now() - from) / 1_000).toFixed(0)} s\n`);
  const muster = stack.use(await startMuster(env));
  return { voter: stack.use(person(muster.address, "voter", { groups: "first" })), ids: shuffled(ids) };
}

const perTurn = 5;
/** Turns of each side: a request is voted on once, and the smaller side has a thousand. */
const turns = { page: 100, get: 400, vote: 180 };

/** Both sides in short turns, so that a slow machine slows both; `part` of all of them. */
async function compare(sides: readonly [Side, Side], part: number): Promise<readonly Row[]> {
  const deep = await Promise.all(sides.map(placeOfAny));
  const at = (side: number, n: number) => sides[side]?.ids[n % sides[side].ids.length] ?? "";
  const works: Readonly<Record<string, (side: number, n: number) => Promise<unknown>>> = {
    "the inbox's first page and count": (side) => sides[side]?.voter.unary(listApprovals, { mine: true }) ?? Promise.reject(),
    "a page of the inbox after half of it": (side) => sides[side]?.voter.unary(listApprovals, { mine: true, pageToken: deep[side] ?? "" }) ?? Promise.reject(),
    Get: (side, n) => sides[side]?.voter.unary(getApproval, { id: at(side, n) }) ?? Promise.reject(),
    vote: async (side, n) => {
      const item = { approvalId: at(side, n), digest: "d", verdict: Verdict.APPROVE };
      const { results } = (await sides[side]?.voter.unary(vote, { items: [item] })) ?? { results: [] };
      if (results[0]?.counted !== true) throw new Error(results[0]?.message);
    },
  };
  const rows: Row[] = [];
  for (const [what, work] of Object.entries(works)) {
    const times: [number[], number[]] = [[], []];
    const count = part * (what === "Get" ? turns.get : what === "vote" ? turns.vote : turns.page);
    for (let turn = -1; turn < count; turn++) {
      for (const side of [0, 1] as const) {
        for (let n = 0; n < perTurn; n++) {
          const begun = performance.now();
          await work(side, (turn + 1) * perTurn + n);
          // The first turn warms up.
          if (turn >= 0) times[side].push(performance.now() - begun);
        }
      }
    }
    rows.push(rowOf(what, times));
  }
  return rows;
}

function rowOf(what: string, [few, many]: readonly [readonly number[], readonly number[]]): Row {
  const text = (times: readonly number[]) => `${ms(median(times))} · ${ms(quantile(times, 0.99))}`;
  const ratio = quantile(many, 0.99) / quantile(few, 0.99);
  return {
    what: `${what}: a million open, and a thousand (in the column of the floor)`,
    n: many.length,
    muster: text(many),
    floor: text(few),
    ratio: `${(median(many) / median(few)).toFixed(2)}; of p99 ${ratio.toFixed(2)}`,
    aim: `p99 ≤ ${aim}`,
    met: ratio <= aim,
  };
}

/** A token of the place in the inbox in the middle of all. */
async function placeOfAny({ voter, ids }: Side): Promise<string> {
  const id = ids.toSorted()[Math.floor(ids.length / 2)] ?? "";
  const { openedAt } = await get(voter, id);
  return `${openedAt ? timestampMs(openedAt) : 0}.${id}`;
}

function shuffled<T>(list: readonly T[]): readonly T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
