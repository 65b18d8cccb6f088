import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../kernel/ports.ts";

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    delay(ms, undefined, signal ? { signal } : {}).catch(() => {
      throw signal?.reason;
    }),
};
