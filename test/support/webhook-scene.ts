/** Approvals and webhooks in this process, on the real SQLite store in memory, by a clock that the test moves; endpoints answer as the test says. */
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { compiledPolicies } from "../../src/approvals/compiled-policies.ts";
import { createApprovals } from "../../src/approvals/domain.ts";
import { activatePolicy, putPolicy } from "../../src/approvals/policy/policies.ts";
import { createApproval, voteOn } from "../../src/approvals/requests.ts";
import { createEventCodec } from "../../src/delivery/event-codec.ts";
import { notingCommits } from "../../src/delivery/event-commits.ts";
import { startTasks } from "../../src/delivery/tasks.ts";
import { events } from "../../src/events.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import { createLog } from "../../src/kernel/log.ts";
import { noticeSource } from "../../src/notice-source.ts";
import type { MusterStore, MusterTx } from "../../src/store/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { createWebhooks, type Webhooks } from "../../src/webhooks/domain.ts";
import { createEndpoint, type EndpointInput } from "../../src/webhooks/endpoints.ts";
import { listDeliveries } from "../../src/webhooks/deliveries.ts";
import type { PostResult, WebhookPost } from "../../src/webhooks/ports.ts";
import type { Delivery, Endpoint } from "../../src/webhooks/types.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";
import { someTime } from "./task-scene.ts";
import type { WebhookBody } from "./webhook-receiver.ts";

export const admin = principalOf("open", "root", ["admin"]);
const amy = principalOf("open", "amy", ["viewer"]);

export interface Post {
  /** Since the scene began, in milliseconds. */
  readonly at: number;
  readonly url: string;
  readonly headers: WebhookPost["headers"];
  readonly body: string;
  readonly event: WebhookBody;
}

export type Answer = (post: Post, signal: AbortSignal) => PostResult | Promise<PostResult>;

export interface Asking {
  readonly traceparent?: string;
  readonly callback?: { readonly url: string; readonly secretId: string };
}

export interface WebhookScene extends AsyncDisposable {
  readonly store: MusterStore;
  readonly clock: ManualClock;
  readonly webhooks: Webhooks;
  readonly posts: Post[];
  /** What was logged, a line each. */
  readonly lines: string[];
  /** What was counted: `name label …`, as often as it was. */
  readonly counted: string[];
  /** From now on. */
  answer(by: Answer | number): void;
  endpoint(input?: Partial<EndpointInput>): Promise<Endpoint & { readonly secret: string }>;
  /** Opens a request that bob and cat decide, one stage each; its id. */
  ask(subject?: string, how?: Asking): Promise<string>;
  vote(id: string, name: "bob" | "cat", verdict?: "approve" | "reject"): Promise<void>;
  /** Its deliveries, oldest first: `type STATE attempts detail`. */
  deliveries(endpoint: Endpoint): Promise<readonly string[]>;
  all(endpoint: Endpoint): Promise<readonly Delivery[]>;
  /** Nothing is to be sent, now or later. */
  isIdle(): Promise<boolean>;
  /** Types of what was sent, in order. */
  types(): readonly string[];
}

const policy = `
key: k
subject: document
ttl: 30d
stages:
  - {id: one, requirements: [{id: r, who: {users: [bob]}, need: 1}]}
  - {id: two, requirements: [{id: r, who: {users: [cat]}, need: 1}]}
`;

export function status(code: number, retryAfter = ""): PostResult {
  return { is: "answered", status: code, retryAfter, answer: `status ${code}`, address: "127.0.0.1" };
}

export async function openWebhookScene(): Promise<WebhookScene> {
  await using stack = new AsyncDisposableStack();
  const clock = manualClock(someTime);
  const plain = stack.use(await openSqliteStore({ path: ":memory:", clock }));
  const store = notingCommits(plain, { onEvents: () => undefined, onTasks: () => tasks.nudge() });
  const ids = createUuidV7(clock);
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "json", now: clock.now, write: (line) => void lines.push(line) });
  const counted: string[] = [];
  const meter = {
    count: ({ name }: { readonly name: string }, labels: object, by = 1) =>
      void counted.push(...Array<string>(by).fill([name, ...Object.values(labels)].join(" "))),
    set: () => undefined,
    observe: ({ name }: { readonly name: string }) => void counted.push(name),
  };
  const posts: Post[] = [];
  let answer: Answer = () => status(200);
  const webhooks = createWebhooks({
    store,
    clock,
    ids,
    log,
    meter,
    hosts: { violation: () => undefined, isLoopback: () => true },
    source: noticeSource(createEventCodec(events, { format: "cloudevents", topics: {} })),
    runTask: (id) => tasks.run(id),
    client: {
      post({ url, headers, body }, signal) {
        const post = { at: clock.now() - someTime, url, headers, body, event: JSON.parse(body) as WebhookBody };
        posts.push(post);
        return Promise.resolve(answer(post, signal));
      },
    },
  });
  const { deps } = createApprovals({
    store,
    clock,
    ids,
    log,
    meter,
    policies: compiledPolicies(),
    owners: [],
    directory: () => undefined,
    tenants: () => [],
    listeners: { note: (tx, news) => webhooks.note(tx as MusterTx, news), addCallback: (tx, ...rest) => webhooks.addCallback(tx as MusterTx, ...rest) },
  });
  const policies = { store, clock, ids, owners: [], isEnumerable: () => true };
  await putPolicy(policies, { source: policy, validateOnly: false }, admin);
  await activatePolicy(policies, { key: "k", version: 1, expectedActive: 0 }, admin);
  const tasks = startTasks({ store, clock, log, kinds: webhooks.tasks });
  stack.defer(async () => {
    const stopped = tasks.stop();
    await clock.pass(10_000);
    await stopped;
  });
  const actor = (key: string, name: string) => ({ tenant: "default", person: { key, name, groups: [], roles: [] }, isAdmin: false, traceparent: undefined });
  const disposal = stack.move();
  const all = async ({ id }: Endpoint): Promise<readonly Delivery[]> =>
    (await listDeliveries(webhooks.deps, { tenant: "default", endpointId: id, limit: 1_000 })).toReversed();
  return {
    store,
    clock,
    webhooks,
    posts,
    lines,
    counted,
    answer: (by) => void (answer = typeof by === "number" ? () => status(by) : by),
    async endpoint(input = {}) {
      const made = await createEndpoint(
        webhooks.deps,
        { url: "https://example.org/hook", types: [], subjects: [], secretId: "", description: "", ...input },
        admin,
      );
      return { ...made.endpoint, secret: made.secret };
    },
    async ask(subject = ids.next(), { traceparent, callback }: Asking = {}) {
      const input = { commandId: "", policyKey: "k", subject: { type: "document", id: subject, digest: "d" }, context: "", onBehalfOf: "", isDryRun: false };
      return (await createApproval(deps, { ...input, callback }, { ...actor(amy.key, amy.name), traceparent })).seen.approval.id;
    },
    async vote(approvalId, name, verdict = "approve") {
      const input = { commandId: "", approvalId, verdict, digest: "d", stage: "", requirement: "", comment: `by ${name}` };
      const { refusal } = await voteOn(deps, input, actor(name, name), false);
      if (refusal) throw new Error(refusal.message);
    },
    all,
    isIdle: () =>
      store.tx(
        async (tx) =>
          (await tx.webhookCursors.count()) === 0 && (await tx.tasks.backlog()).every(({ kind, waiting }) => !kind.startsWith("webhook") || waiting === 0),
      ),
    async deliveries(endpoint) {
      return (await all(endpoint)).map(({ eventType, state, attempts, detail }) => [eventType, state, attempts.length, detail].join(" ").trim());
    },
    types: () => posts.map(({ event }) => event.event_type),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}
