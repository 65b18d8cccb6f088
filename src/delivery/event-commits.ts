import type { Store } from "../kernel/ports.ts";
import type { CoreTx } from "../kernel/records.ts";

/**
 * The same store; `onEvents` is called after every commit of a transaction that inserted events, so that use cases need not call
 * it. Not after a commit whose answer was lost.
 */
export function notingEvents<Tx extends CoreTx>(store: Store<Tx>, onEvents: () => void): Store<Tx> {
  return {
    ...store,
    async tx(work) {
      let hasEvents = false;
      const result = await store.tx((tx) => {
        hasEvents = false;
        const insert: Tx["outbox"]["insert"] = (...added) => {
          hasEvents ||= added.length > 0;
          return tx.outbox.insert(...added);
        };
        return work({ ...tx, outbox: { ...tx.outbox, insert } });
      });
      if (hasEvents) onEvents();
      return result;
    },
  };
}
