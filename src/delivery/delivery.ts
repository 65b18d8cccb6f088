/** The work after a commit: the log of events, the relay from the outbox to the event sink, and the tasks. */
import type { Measures } from "../kernel/meter.ts";
import type { EventSink, Store } from "../kernel/ports.ts";
import type { TaskKind } from "../kernel/task-kind.ts";
import type { EventCodec } from "./event-codec.ts";
import { startEventFeed, type EventFeed } from "./event-feed.ts";
import type { Background } from "./loop.ts";
import { deliveryMeasures } from "./metrics.ts";
import { newRelayState, startRelay } from "./relay.ts";
import { pruneEvents } from "./retention.ts";
import { startTasks, type Tasks } from "./tasks.ts";

export interface DeliveryOptions {
  readonly store: Store;
  /** Undefined when events go only into the log. */
  readonly sink: EventSink | undefined;
  readonly codec: EventCodec;
  readonly kinds: readonly TaskKind[];
  /** How long events stay readable. */
  readonly eventRetentionMs: number;
  /** This process; the relay's lease is held in its name. */
  readonly owner: string;
  readonly background: Background;
}

export interface Delivery extends AsyncDisposable {
  readonly tasks: Tasks;
  readonly feed: EventFeed;
  readonly measures: Measures;
  /** To be called after a commit of events: numbers and publishes them now. */
  nudge(): void;
  /** Deletes events that are old enough. */
  prune(signal: AbortSignal): Promise<void>;
}

export function startDelivery({ store, sink, codec, kinds, eventRetentionMs, owner, background }: DeliveryOptions): Delivery {
  const { clock, log } = background;
  const hasSink = sink !== undefined;
  const feed = startEventFeed({ store, ...background });
  const relay = sink && startRelay({ store, sink, codec, clock, log, owner, state: newRelayState() }, background);
  const tasks = startTasks({ store, ...background, kinds });
  return {
    tasks,
    feed,
    measures: deliveryMeasures({ store, clock, hasSink, kinds: kinds.map(({ kind }) => kind) }),
    nudge() {
      feed.nudge();
      relay?.nudge();
    },
    prune: (signal) => pruneEvents({ store, clock, retentionMs: eventRetentionMs, hasSink }, signal),
    async [Symbol.asyncDispose]() {
      await tasks.stop();
      await relay?.[Symbol.asyncDispose]();
      await feed.stop();
    },
  };
}
