/** A source that is read over real HTTP, in the scene of events from outside. */
import { pollOnce, type PollDeps, type PolledSource } from "../../src/inbound/poll.ts";
import type { PollStateNow } from "../../src/inbound/records.ts";
import type { Poll } from "../../src/inbound/types.ts";
import { startEventServer, type EventServer } from "./event-server.ts";
import { openInboundScene, source, type InboundScene } from "./inbound-scene.ts";

const never = new AbortController().signal;
export const cursor = { param: "after", from: "/next" };

export interface PollScene extends InboundScene {
  readonly server: EventServer;
  readonly polled: PolledSource;
  /** One round, of this replica or another. */
  poll(by?: PolledSource, deps?: Partial<PollDeps>): Promise<number>;
  state(): Promise<PollStateNow | undefined>;
  logged(event: string): readonly string[];
  /** Has the server keep an event about a market of its own, which somebody asks about; `count` times. Resolves to their requests. */
  happen(count?: number, from?: number): Promise<readonly string[]>;
}

export async function openPollScene(poll: Partial<Poll> = {}, options: Parameters<typeof openInboundScene>[0] = {}): Promise<PollScene> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startEventServer());
  const polled = { ...source, poll: { url: server.url, headers: { "x-api-key": "k" }, everyMs: 10_000, cursor: undefined, ...poll } };
  const scene = stack.use(await openInboundScene({ sources: [polled], ...options }));
  const disposal = stack.move();
  return {
    ...scene,
    server,
    polled,
    poll: (by = polled, deps = {}) => pollOnce({ ...scene.inbound.deps, ...deps }, by, never),
    state: async () => (await scene.store.tx((tx) => tx.inboundPolls.list()))[0],
    logged: (event) => scene.lines.filter((line) => line.includes(`"${event}"`)),
    async happen(count = 1, from = 0) {
      const ids: string[] = [];
      for (let n = from; n < from + count; n++) ids.push(await scene.ask(`m${n}`));
      await scene.clock.pass(1);
      for (let n = from; n < from + count; n++) server.events.push(JSON.parse(scene.bodyOf({ id: `e${n}`, market: `m${n}` })));
      return ids;
    },
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** What became of requests, each with one vote at most. */
export async function decisions(scene: InboundScene, ids: readonly string[]): Promise<readonly string[]> {
  const approvals = await Promise.all(ids.map((id) => scene.find(id)));
  for (const { id, votes } of approvals) if (votes.length > 1) throw new Error(`${id} has ${votes.length} votes`);
  return approvals.map(({ decision }) => decision);
}
