/**
 * Places that callers share, so that one who takes all he can leaves places to the others.
 *
 * Guarantees: a key is given a place only while it holds less than `greed` times what is free. So one key alone has at most
 * greed / (1 + greed) of all places, k keys together at most k·greed / (1 + k·greed): with the default of 1 a half, two thirds,
 * three quarters. Which key comes first makes no difference, and no number of keys has to be known in advance. Nothing is taken
 * back: a key that has more than its share, since others came, only gets no more.
 */
import { nameOf } from "./caller.ts";
import { DomainError, type Reason } from "./errors.ts";

export interface Shares {
  /** Takes a place. False when there is none for this key now. */
  take(key: string): boolean;
  /** Gives back a place that was taken. */
  give(key: string): void;
  /** Places that are held, by one key or by all. */
  held(key?: string): number;
}

/** `places` may be infinite. */
export function createShares(places: number, greed = 1): Shares {
  const holders = new Map<string, number>();
  let all = 0;

  return {
    take(key) {
      const mine = holders.get(key) ?? 0;
      if (mine >= greed * (places - all)) return false;
      holders.set(key, mine + 1);
      all += 1;
      return true;
    },
    give(key) {
      const left = (holders.get(key) ?? 0) - 1;
      if (left > 0) holders.set(key, left);
      else holders.delete(key);
      all -= 1;
    },
    held: (key) => (key === undefined ? all : (holders.get(key) ?? 0)),
  };
}

/** Why a key is refused a place: an `exhausted` that says whose share is full. `what` is a plural with its verb: `calls are open`. */
export function shareFull(
  shares: Pick<Shares, "held">,
  key: string,
  { reason, what, retryAfterMs }: { readonly reason: Reason; readonly what: string; readonly retryAfterMs: number },
): DomainError {
  const [mine, all, name] = [shares.held(key), shares.held(), nameOf(key)];
  if (mine === 0) {
    const subject = { type: "share", name: "all callers" };
    return new DomainError({ kind: "exhausted", reason, message: `${all} ${what} here, and there is no room for more`, subject, retryAfterMs });
  }
  const message = `the share of ${name} is full: ${mine} ${what} here for this caller, and ${all} in all`;
  return new DomainError({ kind: "exhausted", reason, message, subject: { type: "share", name }, retryAfterMs });
}
