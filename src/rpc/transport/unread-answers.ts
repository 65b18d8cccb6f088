/**
 * What answers take until their readers have read them, by caller.
 *
 * Guarantees: a caller who asks and does not read is answered no more once what waits for him is over his limit, or what waits for all
 * is over theirs; so he takes that much memory, and one message more. Answers whose bytes are kept once for everybody, as lists are,
 * are not counted.
 */
import { nameOf } from "../../kernel/caller.ts";
import { DomainError } from "../../kernel/errors.ts";
import type { Limits } from "./limits.ts";

/** Who is answered. */
export interface Reader {
  /** As in `shareOfCall`. */
  share(): string;
}

export interface UnreadAnswers {
  /**
   * An error for a reader who has to read first: TOO_MANY_REQUESTS. An answer of few `bytes`, where they are known, is not refused: what was
   * carried out must not look as if it had failed.
   */
  refusal(reader: Reader, bytes?: number): DomainError | undefined;
  /** Counts bytes that wait to be read, until the function that is returned is called; undefined for few. */
  keep(reader: Reader, bytes: number): (() => void) | undefined;
  /** The same bytes, each piece counted until the next one is wanted. */
  counted(body: AsyncIterable<Uint8Array>, reader: Reader): AsyncIterable<Uint8Array>;
}

/** Smaller pieces are not counted: as many as there may be calls take less than the limits. */
const largeBytes = 16_384;

export function countUnreadAnswers({ unreadBytes, allUnreadBytes }: Pick<Limits, "unreadBytes" | "allUnreadBytes">): UnreadAnswers {
  const waiting = new Map<string, number>();
  let all = 0;

  function add(share: string, bytes: number): void {
    const sum = (waiting.get(share) ?? 0) + bytes;
    if (sum > 0) waiting.set(share, sum);
    else waiting.delete(share);
    all += bytes;
  }

  function keep(reader: Reader, bytes: number): (() => void) | undefined {
    if (bytes < largeBytes) return undefined;
    const whose = reader.share();
    add(whose, bytes);
    let isKept = true;
    return () => {
      if (isKept) add(whose, -bytes);
      isKept = false;
    };
  }

  return {
    keep,
    refusal(reader, bytes = largeBytes) {
      if (all === 0 || bytes < largeBytes) return undefined;
      const whose = reader.share();
      const mine = waiting.get(whose) ?? 0;
      if (mine > unreadBytes) return mustRead(`${nameOf(whose)} has not read ${mine} bytes`, nameOf(whose));
      return all > allUnreadBytes ? mustRead(`${all} bytes are not read`, "all callers") : undefined;
    },
    counted(body, reader) {
      const pieces = body[Symbol.asyncIterator]();
      let release: (() => void) | undefined;
      // Not a generator: an idle stream should cost little.
      const iterator: AsyncIterator<Uint8Array> = {
        async next() {
          release?.();
          const piece = await pieces.next();
          release = piece.done ? undefined : keep(reader, piece.value.byteLength);
          return piece;
        },
        async return(value) {
          release?.();
          return (await pieces.return?.(value)) ?? { done: true, value };
        },
      };
      return { [Symbol.asyncIterator]: () => iterator };
    },
  };
}

function mustRead(what: string, name: string): DomainError {
  return new DomainError({
    kind: "exhausted",
    reason: "TOO_MANY_REQUESTS",
    message: `${what} of earlier answers: they are to be read before there are more`,
    subject: { type: "share", name },
    retryAfterMs: 1_000,
  });
}
