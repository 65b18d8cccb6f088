/**
 * Event sink on Kafka.
 *
 * Guarantees: `publish` resolves when all in-sync replicas have every record. Publishes take turns, and a batch goes out slice by
 * slice, each acknowledged before the next is sent, so the first deliveries of a key are in the order given, whatever was retried.
 * Within 10 s a publish has succeeded or rejected. Nothing is connected before the first one or `prepare`, which takes its turn like a
 * publish; after a failure the next one connects anew. Not guaranteed: no duplicates. A rejected or aborted publish may have been delivered, or still be under way: repeat it.
 */
import { DomainError, refused, unavailable } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Clock, EventSink, SinkRecord } from "../../kernel/ports.ts";
import { checkSizes, maxRecordBytes, sizeOf, unacceptable } from "../cloud-event.ts";
import { failureOf } from "./failure.ts";
import { type KafkaConfig, type KafkaSession, openSession, pingBroker } from "./session.ts";

const publishMs = 10_000;
const firstPauseMs = 50;
const longestPauseMs = 1_000;
const maxTries = 6;

export interface KafkaSinkConfig extends KafkaConfig {
  readonly clock: Clock;
}

/** A sink that connects when it is used first. Topics that are missing, also later on, are created. */
export function createKafkaSink(config: KafkaSinkConfig): EventSink {
  let session: KafkaSession | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let closing: Promise<unknown> = Promise.resolve();
  const disposed = new AbortController();

  function dropSession(): void {
    if (session === undefined) return;
    closing = Promise.all([closing, session.close()]);
    session = undefined;
  }

  /** Halves a slice that is too large for the broker, down to one record. */
  async function deliver(records: readonly SinkRecord[], stop: AbortSignal): Promise<void> {
    for (let tries = 1, pauseMs = firstPauseMs; ; tries += 1, pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      stop.throwIfAborted();
      try {
        session ??= await openSession(config);
        return await session.send(records);
      } catch (error) {
        const { verdict, name } = failureOf(error);
        if (verdict === "records") {
          const [first, ...others] = records;
          if (first !== undefined && others.length === 0) throw unacceptable(first, name, error);
          break;
        }
        dropSession();
        if (verdict === "refused" || tries === maxTries) throw translate(error);
        await config.clock.sleep(pauseMs, stop);
      }
    }
    const half = Math.ceil(records.length / 2);
    await deliver(records.slice(0, half), stop);
    await deliver(records.slice(half), stop);
  }

  /** Does `work` when the publishes before it are over, and waits for it at most 10 s. */
  async function inTurn(work: (stop: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    disposed.signal.throwIfAborted();
    const limit = AbortSignal.timeout(publishMs);
    const stop = AbortSignal.any([signal, limit, disposed.signal]);
    const working = turn.then(() => work(stop));
    // The next one waits for what is really on the wire, not for the caller's patience.
    turn = working.catch(() => {});
    await settle(working, signal, limit);
  }

  return {
    async publish(batch, signal) {
      signal.throwIfAborted();
      disposed.signal.throwIfAborted();
      checkSizes(batch);
      await inTurn(async (stop) => {
        for (const slice of slices(batch)) await deliver(slice, stop);
      }, signal);
    },

    async prepare(signal) {
      await inTurn(async (stop) => {
        stop.throwIfAborted();
        session ??= await openSession(config);
      }, signal);
    },

    async ping(signal) {
      signal.throwIfAborted();
      await settle(pingBroker(config), signal, AbortSignal.timeout(publishMs));
    },

    async [Symbol.asyncDispose]() {
      disposed.abort(unavailable("event sink", "closed"));
      await turn;
      dropSession();
      await closing;
    },
  };
}

/** Waits for `work`, but no longer than either signal. Rejects with the caller's own reason or a DomainError. */
async function settle(work: Promise<void>, signal: AbortSignal, limit: AbortSignal): Promise<void> {
  try {
    await orAborted(work, AbortSignal.any([signal, limit]));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (limit.aborted) throw unavailable("event sink", `no acknowledgement within ${publishMs} ms`, error);
    throw translate(error);
  }
}

function translate(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const { verdict, name } = failureOf(error);
  return verdict === "passing" ? unavailable("event sink", name, error) : refused("event sink", name, error);
}

/** In order, each within a broker's default batch limit; all of them could be for one partition. */
function* slices(batch: readonly SinkRecord[]): Generator<readonly SinkRecord[]> {
  let slice: SinkRecord[] = [];
  let size = 0;
  for (const record of batch) {
    const more = sizeOf(record);
    if (size + more > maxRecordBytes && slice.length > 0) {
      yield slice;
      slice = [];
      size = 0;
    }
    slice.push(record);
    size += more;
  }
  if (slice.length > 0) yield slice;
}
