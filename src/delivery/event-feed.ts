/**
 * The log of events for readers, and its numbering.
 *
 * Guarantees: a watcher receives every event of its filter after its position, in order, once; a watcher that is behind reads from
 * the store. Events that this replica commits are numbered right after the commit, or with it where the store is its own (`nudge`);
 * those of a replica that died before numbering them, within a second by any other replica. While there are watchers, the last events are kept in memory, read
 * once for all watchers; events of other replicas are found by polling the log's end every 100 ms.
 */
import { DomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { orAborted } from "../kernel/or-aborted.ts";
import type { Clock, Store } from "../kernel/ports.ts";
import type { LogEvent, LogFilter, LogPage } from "../kernel/records.ts";
import { startLoop } from "./loop.ts";

export interface EventFeed {
  /** Numbers what was just committed and wakes watchers. Calls while that runs are merged into one. */
  nudge(): void;
  /**
   * Up to `limit` events after a position; without one, from the first available. When `scanned` is below `last` there may be more
   * after `scanned`, also when there are fewer events than requested. Events that are not visible are as if they did not match: they
   * neither count nor end the page. Rejects with `out_of_range`.
   */
  list(filter: LogFilter, after: number | undefined, limit: number, isVisible?: (event: LogEvent) => boolean): Promise<LogPage>;
  /**
   * Events after a position; without one, new ones only. Begins with an item without events, which has the position it
   * starts after. Rejects with `out_of_range`, and with the signal's reason.
   */
  watch(filter: LogFilter, after: number | undefined, signal: AbortSignal): AsyncGenerator<Watched>;
  stop(): Promise<void>;
}

/** Events that match the filter, possibly none, and the position up to which every event was scanned. */
export type Watched = Pick<LogPage, "events" | "scanned">;

export interface EventFeedOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** As of a loop. */
  readonly after?: Promise<void>;
}

const numberLimit = 500;
const pageLimit = 200;
const tailLimit = 1_000;
/** Maximum number of reads in which a list looks for matching events before it answers. */
const listReads = 20;
const watchedMs = 100;
const unwatchedMs = 1_000;

/** The last events: those above position `from`. */
interface Tail {
  readonly from: number;
  readonly events: readonly LogEvent[];
}

export function startEventFeed({ store, clock, log, after: begin }: EventFeedOptions): EventFeed {
  let watchers = 0;
  /** Events that no numbering has seen may have been committed here. */
  let hasCommitted = false;
  let tail: Tail | undefined;
  let moved = Promise.withResolvers<void>();

  const ends = () => store.tx((tx) => tx.eventLog.ends());
  const read = (filter: LogFilter, after: number, limit: number) => store.tx((tx) => tx.eventLog.read({ ...filter, after, limit }));

  function become(next: Tail): void {
    tail = next.events.length > tailLimit ? { from: endOf(next) - tailLimit, events: next.events.slice(-tailLimit) } : next;
    moved.resolve();
    moved = Promise.withResolvers();
  }

  /** Brings the tail up to the position `last`. */
  async function follow(last: number): Promise<void> {
    if (watchers === 0) tail = undefined;
    else if (tail === undefined) become({ from: last, events: [] });
    while (tail !== undefined && endOf(tail) < last) {
      const { events, pruned } = await read(everything, endOf(tail), numberLimit);
      // Too far behind: watchers read the available events from the store.
      if (pruned > endOf(tail) || events.length === 0) become({ from: last, events: [] });
      else become({ from: tail.from, events: [...tail.events, ...events] });
    }
  }

  async function round(): Promise<boolean> {
    if (!hasCommitted) {
      const { last, hasUnnumbered } = await ends();
      if (!hasUnnumbered) {
        await follow(last);
        return false;
      }
    }
    const numbered = await store.tx((tx) => {
      hasCommitted = false;
      return tx.eventLog.number(numberLimit);
    });
    const [first] = numbered;
    if (first === undefined) await follow((await ends()).last);
    else if (tail && watchers > 0 && endOf(tail) + 1 === first.position) become({ from: tail.from, events: [...tail.events, ...numbered] });
    else await follow(first.position + numbered.length - 1);
    return numbered.length === numberLimit;
  }

  const loop = startLoop({
    name: "events",
    everyMs: () => (watchers > 0 && !store.exclusive ? watchedMs : unwatchedMs),
    ...(begin ? { after: begin } : {}),
    clock,
    log,
    round,
  });

  async function pageAfter(position: number, filter: LogFilter): Promise<Watched> {
    if (!tail || position < tail.from) return inRange(position, await read(filter, position, pageLimit));
    const events = tail.events.slice(position - tail.from, position - tail.from + pageLimit);
    return { events: events.filter((event) => fits(event, filter)), scanned: events.at(-1)?.position ?? position };
  }

  return {
    nudge() {
      hasCommitted = true;
      loop.nudge();
    },

    async list(filter, after, limit, isVisible = () => true) {
      let position = after ?? (await ends()).pruned;
      const events: LogEvent[] = [];
      let hasHidden = false;
      for (let reads = 1; ; reads++) {
        const left = limit - events.length;
        const page = await read(filter, position, hasHidden ? Math.max(left, pageLimit) : left);
        if (after === undefined && reads === 1) position = Math.max(position, page.pruned);
        else inRange(position, page);
        const found = page.events.filter((event) => event.position > position && isVisible(event));
        hasHidden ||= found.length < page.events.length;
        events.push(...found.slice(0, left));
        position = Math.max(position, found.length > left ? (found[left - 1]?.position ?? 0) : page.scanned);
        if (events.length >= limit || position >= page.last || reads === listReads) return { ...page, events, scanned: position };
      }
    },

    async *watch(filter, after, signal) {
      watchers += 1;
      try {
        loop.nudge();
        const now = await ends();
        let position = after ?? now.last;
        inRange(position, now);
        yield { events: [], scanned: position };
        for (;;) {
          signal.throwIfAborted();
          const { promise } = moved;
          const page = await pageAfter(position, filter);
          if (page.scanned === position) {
            await orAborted(promise, signal);
            continue;
          }
          position = page.scanned;
          yield page;
        }
      } finally {
        watchers -= 1;
      }
    },

    stop: () => loop.stop(),
  };
}

const everything: LogFilter = { types: [], subject: undefined };

function endOf({ from, events }: Tail): number {
  return from + events.length;
}

function fits({ type, subject }: LogEvent, filter: LogFilter): boolean {
  if (filter.types.length > 0 && !filter.types.includes(type)) return false;
  const wanted = filter.subject;
  return wanted === undefined || (wanted.kind === subject.kind && (wanted.id === undefined || wanted.id === subject.id));
}

/** The page, when a reader that has seen everything up to `position` can continue with it. */
function inRange<T extends Pick<LogPage, "last" | "pruned">>(position: number, page: T): T {
  const { last, pruned } = page;
  if (position >= pruned && position <= last) return page;
  const what = position < pruned ? `events up to ${pruned} were pruned, and ${pruned + 1} is the first available one` : `${last} is the last one`;
  throw new DomainError({
    kind: "out_of_range",
    reason: "POSITION_OUT_OF_RANGE",
    message: `events after position ${position} cannot be read: ${what}`,
    metadata: { position: `${position}`, first_position: `${pruned + 1}`, last_position: `${last}` },
  });
}
