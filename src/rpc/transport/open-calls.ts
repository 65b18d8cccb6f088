import type { EventEmitter } from "node:events";

/** The number of open calls, on both ways. */
export interface OpenCalls {
  /** Counts a call until it emits `close`; false, and not counted, at the limit. */
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
