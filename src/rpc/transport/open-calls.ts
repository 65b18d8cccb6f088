import type { EventEmitter } from "node:events";

/** How many calls are open, whichever way they came. */
export interface OpenCalls {
  /** Counts a call until it emits `close`; false, and not counted, when there are as many as there may be. */
  enter(call: EventEmitter): boolean;
}

export function countOpenCalls(limit: number): OpenCalls {
  let open = 0;
  const leave = () => void (open -= 1);
  return {
    enter(call) {
      if (open >= limit) return false;
      open += 1;
      call.once("close", leave);
      return true;
    },
  };
}
