/** What happens after a commit, as a whole: the relay from the outbox to the event sink, and the tasks. */
import type { EventSink, Store } from "../kernel/ports.ts";
import type { Measures } from "../kernel/meter.ts";
import type { TaskKind } from "../kernel/task-kind.ts";
import type { EventCodec } from "./event-codec.ts";
import { startLoop, type Background } from "./loop.ts";
import { deliveryMeasures } from "./metrics.ts";
import { pruneOutbox, relayOnce, releaseRelay } from "./relay.ts";
import { startTasks, type Tasks } from "./tasks.ts";

export interface DeliveryOptions {
  readonly store: Store;
  readonly sink: EventSink;
  readonly encode: EventCodec["encode"];
  readonly kinds: readonly TaskKind[];
  /** This process; the relay's lease is held in its name. */
  readonly owner: string;
  readonly background: Background;
}

export interface Delivery extends AsyncDisposable {
  readonly tasks: Tasks;
  readonly measures: Measures;
  /** Something was committed: looks for it now. */
  nudge(): void;
  /** Deletes published events that are old enough. */
  prune(): Promise<void>;
}

const relayEveryMs = 1_000;

export function startDelivery({ store, sink, encode, kinds, owner, background }: DeliveryOptions): Delivery {
  const { clock, log } = background;
  const relaying = { store, sink, encode, clock, log, owner, lease: { prolongedAt: Number.NEGATIVE_INFINITY } };
  const relay = startLoop({ name: "relay", everyMs: relayEveryMs, ...background, round: (signal) => relayOnce(relaying, signal) });
  const tasks = startTasks({ store, ...background, kinds });
  return {
    tasks,
    measures: deliveryMeasures({ store, clock, kinds: kinds.map(({ kind }) => kind) }),
    nudge: relay.nudge,
    prune: () => pruneOutbox({ store, clock }),
    async [Symbol.asyncDispose]() {
      await tasks.stop();
      await relay.stop();
      await releaseRelay({ store, owner }).catch((error: unknown) => log("warn", "relay.lease-not-released", { error }));
    },
  };
}
