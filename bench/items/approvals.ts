/** Requests for approval with two one-approver stages over gRPC, beside the same rows written without a server; and vote → watcher. */
import { rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { ApprovalService, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { parsePolicy } from "../../src/approvals/policy/parse.ts";
import { createPolicy } from "../../src/approvals/policy/policy.ts";
import { openMysqlStore } from "../../src/store/mysql.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { person, usePolicy } from "../../test/support/approvals.ts";
import type { MusterClient } from "../../test/support/client.ts";
import { createDatabase, startMuster } from "../../test/support/muster.ts";
import { mysqlFloor, scriptOf, sqliteFloor, type FloorDatabase } from "../approval-floor.ts";
import { inFlight } from "../../test/support/in-flight.ts";
import { cpuMs } from "../process-cost.ts";
import { timesRow, type Row } from "../report.ts";
import { median, quantile } from "../stats.ts";

const { createApproval, vote, watchApproval } = ApprovalService.method;
const source = `{key: bench, subject: document, ttl: 7d, stages: [
  {id: one, requirements: [{id: r, who: {groups: [first]}, need: 1}]}, {id: two, requirements: [{id: r, who: {groups: [second]}, need: 1}]}]}`;

interface Measured {
  readonly times: readonly number[];
  /** Operations a second of wall time. */
  readonly rate: number;
  /** Time on a CPU of the process `pid`, each, in milliseconds. */
  readonly cpu: number | undefined;
}

/** `works` one after the other, `clients` at a time. */
async function measure(works: readonly (() => Promise<unknown>)[], clients: number, pid?: number): Promise<Measured> {
  const times: number[] = [];
  const cpu = pid === undefined ? undefined : await cpuMs(pid);
  const from = performance.now();
  await inFlight(works, clients, async (work) => {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  });
  const rate = (works.length / (performance.now() - from)) * 1_000;
  return { times, rate, cpu: pid === undefined || cpu === undefined ? undefined : ((await cpuMs(pid)) - cpu) / works.length };
}

export async function approvals(mysql: string, directory: string, quick: boolean): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const store of ["MySQL", "SQLite"] as const) {
    await using stack = new AsyncDisposableStack();
    const [url, floorUrl] = await Promise.all(
      ["muster", "floor"].map(async (side) => {
        if (store === "SQLite") return `${directory}/${side}-${randomUUID()}.db`;
        const database = await createDatabase(mysql);
        stack.defer(() => database.drop());
        return database.url;
      }),
    );
    const floor = stack.use(await openFloor(store, floorUrl ?? ""));
    const muster = stack.use(await startMuster({ MUSTER_STORE: store === "MySQL" ? (url ?? "") : `sqlite:${url}` }));
    const clients = [
      person(muster.address, "asker"),
      person(muster.address, "first", { groups: "first" }),
      person(muster.address, "second", { groups: "second" }),
    ] as const;
    for (const client of clients) stack.use(client);
    await usePolicy(clients[0], source);
    await side(clients, floor, 50, 4, muster.pid);
    for (const width of [1, 16])
      rows.push(
        ...(await side(clients, floor, (quick ? 50 : 500) * (width === 1 ? 1 : 4), width, muster.pid)).map((row) => ({
          ...row,
          what: `${store}, ${row.what}`,
        })),
      );
    rows.push({ ...timesRow(`${store}, vote → its event at a watcher`, await voteToWatcher(clients, quick ? 20 : 200), { p50Ms: 5, p99Ms: 25 }) });
    if (store === "SQLite") await Promise.all([url, floorUrl].map((path) => rm(path ?? "", { force: true })));
  }
  return rows;
}

async function openFloor(store: "MySQL" | "SQLite", url: string): Promise<FloorDatabase> {
  // Its tables are Muster's own.
  const migrated = store === "MySQL" ? await openMysqlStore({ url, clock: systemClock }) : await openSqliteStore({ path: url, clock: systemClock });
  await migrated.ping(new AbortController().signal);
  await migrated[Symbol.asyncDispose]();
  return store === "MySQL" ? mysqlFloor(url, 16) : sqliteFloor(url);
}

type Clients = readonly [MusterClient, MusterClient, MusterClient];

async function side([asker, first, second]: Clients, floor: FloorDatabase, count: number, width: number, pid: number): Promise<readonly Row[]> {
  const subjects = Array.from({ length: count }, () => randomUUID());
  const ids = new Map<string, string>();
  const create = subjects.map((id) => async () => {
    const { approval } = await asker.unary(createApproval, { policyKey: "bench", subject: { type: "document", id, digest: "d" } });
    ids.set(id, approval?.id ?? "");
  });
  const votes = [first, second].map((voter) =>
    subjects.map((id) => async () => {
      const { results } = await voter.unary(vote, { items: [{ approvalId: ids.get(id) ?? "", digest: "d", verdict: Verdict.APPROVE }] });
      if (results[0]?.counted !== true) throw new Error(results[0]?.message);
    }),
  );
  const { document } = parsePolicy(source, { isEnumerable: false });
  if (!document) throw new Error("the policy is right");
  const policy = createPolicy(document, 1);
  const who = (name: string) => ({ key: `open|${name}`, name, groups: [name], roles: [] });
  const scripts = subjects.map((id) => scriptOf(id, policy, who("asker"), [who("first"), who("second")], randomUUID));
  const floorOf = (step: number) =>
    scripts.map(
      ({ steps }) =>
        () =>
          floor.run(steps[step] ?? []),
    );
  const rows: Row[] = [];
  for (const [what, ours, step] of [
    ["create", create, 0],
    ["first vote", votes[0] ?? [], 1],
    ["last vote", votes[1] ?? [], 2],
  ] as const) {
    const below = await measure(floorOf(step), width);
    rows.push(row(`${what}, ${width} in flight`, await measure(ours, width, pid), below, width));
  }
  return rows;
}

function row(what: string, muster: Measured, floor: Measured, width: number): Row {
  const text = ({ times, rate, cpu }: Measured) =>
    `${rate.toFixed(0)}/s, ${median(times).toFixed(1)} · ${quantile(times, 0.99).toFixed(1)} ms${cpu === undefined ? "" : `, ${cpu.toFixed(2)} ms of CPU each`}`;
  const ratio = muster.rate / floor.rate;
  const isJudged = width === 16;
  const met = ratio >= 0.85 && muster.rate >= 1_500 && quantile(muster.times, 0.99) < 40;
  return {
    what,
    n: muster.times.length,
    muster: text(muster),
    floor: text(floor),
    ratio: `${ratio.toFixed(2)} of the rate`,
    aim: isJudged ? "≥ 0.85, ≥ 1500/s, p99 < 40 ms" : "",
    met: isJudged ? met : undefined,
  };
}

/** From the answer to a vote until a watcher of the request has its event. */
async function voteToWatcher([asker, first]: Clients, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const { approval } = await asker.unary(createApproval, { policyKey: "bench", subject: { type: "document", id: randomUUID(), digest: "d" } });
    const id = approval?.id ?? "";
    const watching = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<number>();
    const watch = asker.stream(watchApproval, { id }, ({ item }) => {
      if (item.case !== "event") return true;
      watching.resolve();
      if (item.value.type !== "vote_recorded") return true;
      seen.resolve(performance.now());
      return false;
    });
    await watching.promise;
    await first.unary(vote, { items: [{ approvalId: id, digest: "d", verdict: Verdict.APPROVE }] });
    const answered = performance.now();
    times.push(Math.max(0, (await seen.promise) - answered));
    await watch;
  }
  return times;
}
