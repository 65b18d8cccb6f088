/**
 * The state of the watch of Consul's catalog, as a state machine: from an event to the next state and the next
 * action. It holds no instances, does no I/O and reads no clock; times are epoch milliseconds.
 */

/** Maximum age of an unchanged catalog's snapshot. */
export const waitMs = 5_000;
const secondLookMs = 2_000;
const firstPauseMs = 50;
const maxPauseMs = 2_000;
/** A server that does not block although requested must not be polled in a tight loop. */
const leastTurnMs = 5;

/** One of the two blocking queries. */
interface Poll {
  /** Of its last answer; 0 before the first, and after a reset. */
  readonly index: number;
  /** In a row. */
  readonly failures: number;
  /** When its part of the picture was last known to be current. */
  readonly asOf: number;
}

export type PollName = "services" | "checks";

export interface WatchState extends Readonly<Record<PollName, Poll>> {
  /** A whole read is due. */
  readonly isStale: boolean;
  /** The catalog may be incomplete still: absence needs a second read. */
  readonly isDoubtful: boolean;
  /** Of the last whole read. */
  readonly readIndex: number;
  /** Of the checks in the picture; 0 when the indexes were reset. */
  readonly pictureIndex: number;
  /** Whole reads that failed in a row. */
  readonly readFailures: number;
  /** Of the last snapshot without doubt; undefined before the first. */
  readonly certainAt: number | undefined;
}

export type WatchEvent =
  /** A poll was answered; `fits` when the answer could be applied: it only has newer results of known checks. */
  | { readonly type: "answered"; readonly poll: PollName; readonly index: number; readonly at: number; readonly fits: boolean }
  | { readonly type: "failed"; readonly poll: PollName }
  /** Requests the next action. */
  | { readonly type: "turn" }
  /** The picture was read as a whole; `lacksSome` when an instance that was shown last is not in it. */
  | { readonly type: "read"; readonly startedAt: number; readonly at: number; readonly index: number; readonly lacksSome: boolean }
  | { readonly type: "read failed" };

/** Read all of it; or show a snapshot or not, then rest: until a poll has ended, or so long (`spread`: about half of it or more). */
export type Todo =
  | "read"
  | {
      readonly show?: { readonly keepMissing: boolean; readonly at: number };
      readonly rest: "until news" | { readonly ms: number; readonly spread: boolean };
    };

const unasked: Poll = { index: 0, failures: 0, asOf: 0 };

export const firstState: WatchState = {
  services: unasked,
  checks: unasked,
  isStale: true,
  isDoubtful: false,
  readIndex: 0,
  pictureIndex: 0,
  readFailures: 0,
  certainAt: undefined,
};

const idle: Todo = { rest: "until news" };

/** The state after an event, and the next action; none after an event of a poll. */
export function step(state: WatchState, event: WatchEvent): { readonly state: WatchState; readonly todo: Todo } {
  switch (event.type) {
    case "answered":
      return { state: answered(state, event), todo: idle };
    case "failed": {
      const { asOf, failures } = state[event.poll];
      return { state: { ...inDoubt(state), [event.poll]: { asOf, index: 0, failures: failures + 1 } }, todo: idle };
    }
    case "turn":
      // What is found out from now on makes it stale again.
      if (state.isStale) return { state: { ...state, isStale: false }, todo: "read" };
      return shown(state, "until news");
    case "read":
      return read(state, event);
    case "read failed": {
      const readFailures = state.readFailures + 1;
      return { state: { ...inDoubt(state), readFailures }, todo: { rest: { ms: backOffMs(readFailures), spread: true } } };
    }
  }
}

/** Whether an answer of the checks' poll is used: not when it is older than the picture, or of a server with reset indexes. */
export function isWorthTaking({ checks, pictureIndex }: WatchState, index: number): boolean {
  return index >= pictureIndex && !wentBack(checks, index);
}

/** How long a poll rests after an answer or a failure that took `tookMs`. */
export function restOf({ failures }: Poll, tookMs: number): { readonly ms: number; readonly spread: boolean } {
  if (failures > 0) return { ms: backOffMs(failures), spread: true };
  return { ms: tookMs < leastTurnMs ? leastTurnMs : 0, spread: false };
}

function answered(state: WatchState, { poll, index, at, fits }: Extract<WatchEvent, { readonly type: "answered" }>): WatchState {
  const former = state[poll];
  // An index of 0 does not block: then it is a poll, and a slow one.
  const failures = index > 0 ? 0 : former.failures + 1;
  if (wentBack(former, index)) return { ...inDoubt(state), [poll]: { asOf: former.asOf, index: 0, failures } };
  const isStale = state.isStale || !fits || (poll === "services" && index !== former.index);
  const pictureIndex = poll === "checks" && fits ? Math.max(state.pictureIndex, index) : state.pictureIndex;
  return { ...state, isStale, pictureIndex, [poll]: { asOf: isStale ? former.asOf : at, index, failures } };
}

function read(before: WatchState, { startedAt, at, index, lacksSome }: Extract<WatchEvent, { readonly type: "read" }>): ReturnType<typeof step> {
  const since = (poll: Poll): Poll => ({ ...poll, asOf: Math.max(poll.asOf, startedAt) });
  const found: WatchState = { ...before, services: since(before.services), checks: since(before.checks), readFailures: 0, pictureIndex: index };
  const looked = index < before.readIndex ? inDoubt(found) : found;
  const state = { ...looked, isDoubtful: false, readIndex: index };
  if (looked.isDoubtful && state.certainAt !== undefined && lacksSome) {
    // Unless there is new doubt by then, the next read counts.
    const show = { keepMissing: true, at: state.certainAt };
    return { state: { ...state, isStale: true }, todo: { show, rest: { ms: secondLookMs, spread: false } } };
  }
  const tookMs = at - startedAt;
  if (tookMs > leastTurnMs) return shown(state, { ms: tookMs, spread: false });
  return { state, todo: { rest: { ms: 0, spread: false } } };
}

function shown(state: WatchState, rest: Exclude<Todo, "read">["rest"]): ReturnType<typeof step> {
  const at = Math.min(state.services.asOf, state.checks.asOf);
  return { state: { ...state, certainAt: at }, todo: { show: { keepMissing: false, at }, rest } };
}

function inDoubt(state: WatchState): WatchState {
  return { ...state, isStale: true, isDoubtful: true, pictureIndex: 0 };
}

/** A restarted or restored server resets its indexes. */
function wentBack(poll: Poll, index: number): boolean {
  return index > 0 && index < poll.index;
}

function backOffMs(failures: number): number {
  return Math.min(firstPauseMs * 2 ** failures, maxPauseMs);
}
