/** Events from outside as a whole: use cases, joined with what they share, and what they bring to the process. */
import type { Domain } from "../kernel/domain.ts";
import type { Meter } from "../kernel/meter.ts";
import type { TaskKind } from "../kernel/task-kind.ts";
import { inboundAudits } from "./audits.ts";
import { inboundMeasures, inboundMeter } from "./metrics.ts";
import type { PollDeps } from "./poll.ts";
import { createPolls } from "./polls.ts";
import { runRetry } from "./retry.ts";
import { retryTask } from "./retry-task.ts";
import { createCertificates } from "./sns-certificates.ts";

const pruned = 1_000;
const tryMs = 15_000;

export interface InboundOptions extends Omit<PollDeps, "meter" | "certificates"> {
  readonly meter: Meter;
  /** For how long an event is known, so that it has no second effect. */
  readonly retentionMs: number;
}

export interface Inbound extends Domain {
  readonly deps: PollDeps;
}

export function createInbound({ meter, retentionMs, ...options }: InboundOptions): Inbound {
  const { store, sources } = options;
  const deps: PollDeps = { ...options, meter: inboundMeter(meter), certificates: createCertificates(options.askSns) };
  const polls = createPolls(deps);
  const retry: TaskKind<Parameters<typeof runRetry>[1]> = { ...retryTask, limitMs: tryMs, run: (payload) => runRetry(deps, payload) };
  return {
    deps,
    tasks: [retry],
    loops: [polls.loop],
    measures: inboundMeasures(store, sources),
    audits: inboundAudits(store),
    prune: async () => (await store.tx((tx) => tx.inbound.prune(retentionMs, pruned))) === pruned,
    drain: (ms) => polls.drain(ms),
  };
}
