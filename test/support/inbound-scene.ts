/** Approvals and events from outside in this process, on the real SQLite store in memory, by a clock that the test moves. */
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { compiledPolicies } from "../../src/approvals/compiled-policies.ts";
import { createApprovals } from "../../src/approvals/domain.ts";
import { activatePolicy, putPolicy } from "../../src/approvals/policy/policies.ts";
import { createApproval, reviseApproval } from "../../src/approvals/requests.ts";
import type { Approval } from "../../src/approvals/request.ts";
import { notingCommits } from "../../src/delivery/event-commits.ts";
import { startTasks } from "../../src/delivery/tasks.ts";
import { createInbound, type Inbound } from "../../src/inbound/domain.ts";
import { readEvent } from "../../src/inbound/read-event.ts";
import { receive, type Received } from "../../src/inbound/receive.ts";
import type { InboundRecord, Source } from "../../src/inbound/types.ts";
import type { AskSns } from "../../src/inbound/ports.ts";
import { sourceClient } from "../../src/open-inbound.ts";
import { castVotes } from "../../src/inbound-votes.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import { createLog } from "../../src/kernel/log.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";
import { someTime } from "./task-scene.ts";

const admin = principalOf("open", "root", ["admin"]);
const amy = principalOf("open", "amy", ["viewer"]);
const policy = `
key: k
subject: market
ttl: 30d
stages:
  - {id: one, requirements: [{id: r, who: {groups: [deciders]}, need: 1}]}
`;

export const source: Source = {
  name: "markets",
  tenant: "default",
  secrets: [],
  isUnsigned: true,
  topics: [],
  emulator: undefined,
  approve: ["*.approved"],
  reject: ["*.rejected"],
  subject: { type: "market", id: "/payload/market_id" },
  voter: { key: "service|markets", groups: ["deciders"], roles: [] },
};

export interface EventInput {
  readonly id?: string;
  readonly type?: string;
  readonly market?: string;
  readonly digest?: string;
  readonly reason?: string;
  /** Milliseconds from now. */
  readonly at?: number;
}

export interface InboundScene extends AsyncDisposable {
  readonly store: MusterStore;
  readonly clock: ManualClock;
  readonly inbound: Inbound;
  /** What was logged, a line each. */
  readonly lines: string[];
  /** What was counted: `name label …`. */
  readonly counted: string[];
  bodyOf(input: EventInput): string;
  /** Delivers an event of the source. */
  deliver(input: EventInput, by?: Source): Promise<Received>;
  /** Opens a request about a market. */
  ask(market: string, digest?: string): Promise<string>;
  revise(id: string, digest: string): Promise<void>;
  find(id: string): Promise<Approval>;
  record(eventId: string): Promise<InboundRecord | undefined>;
}

export interface SceneOptions {
  /** Wraps the store; for tests that let it fail. */
  readonly decorate?: (store: MusterStore) => MusterStore;
  readonly sources?: readonly Source[];
  /** When its clock begins. */
  readonly startAt?: number;
  readonly askSns?: AskSns;
}

const noSns: AskSns = () => Promise.reject(new Error("nothing here asks SNS"));

export async function openInboundScene({
  decorate = (store) => store,
  sources = [source],
  startAt = someTime,
  askSns = noSns,
}: SceneOptions = {}): Promise<InboundScene> {
  await using stack = new AsyncDisposableStack();
  const clock = manualClock(startAt);
  const plain = stack.use(await openSqliteStore({ path: ":memory:", clock }));
  const store = notingCommits(decorate(plain), { onEvents: () => undefined, onTasks: () => tasks.nudge() });
  const ids = createUuidV7(clock);
  const lines: string[] = [];
  const counted: string[] = [];
  const log = createLog({ level: "debug", format: "json", now: clock.now, write: (line) => void lines.push(line) });
  const meter = {
    count: ({ name }: { readonly name: string }, labels: object) => void counted.push([name, ...Object.values(labels)].join(" ")),
    set: () => undefined,
    observe: () => undefined,
  };
  const listeners = { note: async () => undefined, addCallback: async () => undefined };
  const approvals = createApprovals({
    store,
    clock,
    ids,
    log,
    meter,
    listeners,
    policies: compiledPolicies(),
    owners: [],
    directory: () => undefined,
    tenants: () => [],
  });
  const inbound = createInbound({
    store,
    clock,
    ids,
    log,
    meter,
    owner: "one",
    client: sourceClient(),
    askSns,
    sources: () => sources,
    retentionMs: 30 * 86_400_000,
    cast: castVotes(() => approvals.deps),
  });
  const policies = { store, clock, ids, owners: [], isEnumerable: () => true };
  await putPolicy(policies, { source: policy, validateOnly: false }, admin);
  await activatePolicy(policies, { key: "k", version: 1, expectedActive: 0 }, admin);
  const tasks = startTasks({ store, clock, log, kinds: inbound.tasks });
  stack.defer(async () => {
    const stopped = tasks.stop();
    await clock.pass(10_000);
    await stopped;
  });
  const actor = { tenant: "default", person: { key: amy.key, name: amy.name, groups: [], roles: [] }, isAdmin: false, traceparent: undefined };
  const bodyOf = ({ id = ids.next(), type = "market.approved", market = "m", digest, reason, at = 0 }: EventInput): string =>
    JSON.stringify({
      event_id: id,
      event_type: type,
      source: "core",
      occurred_at: new Date(clock.now() + at).toISOString(),
      payload: { market_id: market, ...(digest === undefined ? {} : { digest }), ...(reason === undefined ? {} : { reason }) },
      context: { actor_id: "someone", actor_type: "user" },
    });
  const disposal = stack.move();
  return {
    store,
    clock,
    inbound,
    lines,
    counted,
    bodyOf,
    async deliver(input, by = source) {
      const read = readEvent(by, bodyOf(input));
      if ("refusal" in read) throw new Error(read.message);
      return receive(inbound.deps, by, read.event);
    },
    async ask(market, digest = "d1") {
      const input = { commandId: "", policyKey: "k", subject: { type: "market", id: market, digest }, context: "", onBehalfOf: "", isDryRun: false };
      return (await createApproval(approvals.deps, { ...input, callback: undefined }, actor)).seen.approval.id;
    },
    async revise(approvalId, digest) {
      const { refusal } = await reviseApproval(approvals.deps, { commandId: "", approvalId, digest, context: undefined }, actor);
      if (refusal) throw new Error(refusal.message);
    },
    async find(id) {
      const found = await store.tx((tx) => tx.approvals.find("default", id));
      if (!found) throw new Error(`there is no request ${id}`);
      return found;
    },
    record: (eventId) => store.tx((tx) => tx.inbound.find(source.name, eventId)),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}
