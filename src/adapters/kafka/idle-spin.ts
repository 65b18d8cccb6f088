/**
 * kafkajs 2.2.4 spins on every idle connection: after each answer `RequestQueue.scheduleCheckPendingRequests` arms a timer with
 * a negative delay, which fires after 1 ms and arms the next one, forever. The timer is needed only while a request waits in the
 * queue, and each request that begins to wait arms it again, so nothing is lost when it is not armed for an empty queue.
 * The driver offers no option for this and has no newer release, hence the patch of its prototype.
 */
import { createRequire } from "node:module";

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: ((this: RequestQueue) => void) & { readonly [patched]?: true };
}

const patched = Symbol.for("muster.kafkajs-idle-spin");

/** Patches the driver once per process; further calls do nothing. */
export function stopIdleSpin(): void {
  const load = createRequire(import.meta.url);
  const { prototype } = load("kafkajs/src/network/requestQueue/index.js") as { readonly prototype: RequestQueue };
  const original = prototype.scheduleCheckPendingRequests;
  if (original[patched]) return;
  prototype.scheduleCheckPendingRequests = Object.assign(
    function (this: RequestQueue) {
      if (this.pending.length > 0) original.call(this);
    },
    { [patched]: true as const },
  );
}
