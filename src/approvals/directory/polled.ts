/** A directory that is read from afar: in the background, so that nobody waits for it; what fails replaces nothing. */
import { DomainError } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { DirectoryContent, DirectoryDocuments, DirectorySource } from "./source.ts";

export interface PolledOptions {
  /** For the log; no secret. */
  readonly place: string;
  /** Rejects when there is nothing to be used; the text of a DomainError may be logged. */
  readonly read: (signal: AbortSignal) => Promise<DirectoryDocuments>;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  /** Called for each read that fails. */
  readonly onFailure: () => void;
  /** Of one read, in milliseconds. */
  readonly limitMs?: number;
}

/** After a good read the next is due in a minute, after a bad one in ten seconds. */
const everyMs = { good: 60_000, bad: 10_000 } as const;

export function createPolledSource({ place, read, clock, log, onFailure, limitMs = 60_000 }: PolledOptions): DirectorySource {
  let content: DirectoryContent | undefined;
  let dueAt = Number.NEGATIVE_INFINITY;
  let isReading = false;
  let failure: string | undefined;

  async function readNow(): Promise<void> {
    const asOf = clock.now();
    try {
      const documents = await read(AbortSignal.timeout(limitMs));
      if (content === undefined || failure !== undefined) log("info", "directory.read", { place });
      content = { documents, asOf };
      failure = undefined;
      dueAt = clock.now() + everyMs.good;
    } catch (error) {
      const text = error instanceof DomainError ? error.message : "it does not answer, or not in time";
      if (text !== failure) log("error", "directory.read-failed", { place, error: text, in_force: content === undefined ? "nothing" : "what it had before" });
      failure = text;
      dueAt = clock.now() + everyMs.bad;
      onFailure();
    }
  }

  return {
    async look() {
      if (isReading || clock.now() < dueAt) return;
      isReading = true;
      void readNow().finally(() => (isReading = false));
    },
    current: () => content,
  };
}
