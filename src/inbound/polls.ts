/** Which sources are read when: each for itself, so that a slow one holds up no other; as the configuration has them at the moment. */
import { toDomainError } from "../kernel/errors.ts";
import type { LoopSpec } from "../kernel/loop.ts";
import { isPolled, pollLease, pollOnce, type PollDeps, type PolledSource } from "./poll.ts";
import { shownUrl } from "./poll-page.ts";

/** How often it is looked which are due. */
const lookEveryMs = 1_000;
const longestPauseMs = 60_000;

export interface Polls {
  readonly loop: LoopSpec;
  /** Ends the rounds that run, and lets another replica read at once; takes at most `ms`. */
  drain(ms: number): Promise<void>;
}

interface Reading {
  readonly source: PolledSource;
  /** It is configured otherwise since the last round: the next one does not wait. */
  isChanged: boolean;
  dueAt: number;
  failures: number;
  round?: Promise<void> | undefined;
}

export function createPolls(deps: PollDeps): Polls {
  const { store, clock, log, meter, owner } = deps;
  const readings = new Map<string, Reading>();
  const stopping = new AbortController();

  /** Follows the configuration: who is read by now, and who is not any more. */
  function follow(): void {
    const polled = deps.sources().filter(isPolled);
    for (const { source } of readings.values()) {
      if (polled.some(({ name }) => name === source.name)) continue;
      readings.delete(source.name);
      log("info", "inbound.polling-ended", { source: source.name });
    }
    for (const source of polled) {
      const former = readings.get(source.name);
      if (former?.source === source) continue;
      const { poll } = source;
      const isChanged = former !== undefined && JSON.stringify(former.source.poll) !== JSON.stringify(poll);
      // Of a change before this one that was not tried yet, too.
      const isToTry = isChanged || former?.isChanged === true;
      readings.set(source.name, { source, isChanged: isToTry, dueAt: former && !isToTry ? former.dueAt : 0, failures: 0, round: former?.round });
      if (!former || isChanged) log("info", "inbound.polling", { source: source.name, url: shownUrl(poll), every_ms: poll.everyMs });
    }
  }

  /** Does not reject. */
  async function read(reading: Reading): Promise<void> {
    const { source, isChanged } = reading;
    try {
      const dueInMs = await pollOnce(deps, source, stopping.signal, isChanged);
      reading.isChanged = false;
      reading.failures = 0;
      reading.dueAt = clock.now() + dueInMs;
    } catch (error) {
      if (stopping.signal.aborted) return;
      reading.failures += 1;
      reading.dueAt = clock.now() + Math.min(source.poll.everyMs * 2 ** reading.failures, longestPauseMs);
      meter.polled(source.name, "failed");
      if (reading.failures === 1) log("error", "inbound.poll-failed", { source: source.name, reason: toDomainError(error).reason, error });
    }
  }

  const round = async (): Promise<boolean> => {
    if (stopping.signal.aborted) return false;
    follow();
    for (const reading of readings.values()) {
      if (reading.round || reading.dueAt > clock.now()) continue;
      const begun = read(reading).finally(() => {
        for (const one of readings.values()) if (one.round === begun) one.round = undefined;
      });
      reading.round = begun;
    }
    return false;
  };

  return {
    loop: { name: "inbound-polls", everyMs: lookEveryMs, round },
    async drain(ms) {
      stopping.abort(new Error("the server is stopping"));
      const names = [...readings.keys()];
      const ended = Promise.all([...readings.values()].map((reading) => reading.round)).then(() =>
        store.tx(async (tx) => {
          for (const name of names) await tx.leases.release(pollLease(name), owner);
        }),
      );
      const over = new AbortController();
      await Promise.race([
        ended.catch((error: unknown) => log("warn", "inbound.leases-not-released", { error })),
        clock.sleep(ms, over.signal).catch(() => undefined),
      ]);
      over.abort();
    },
  };
}
