import type { Store } from "../kernel/ports.ts";
import type { CoreTx } from "../kernel/records.ts";

export interface Noted {
  readonly onEvents: () => void;
  /** Some are due at once. */
  readonly onTasks?: () => void;
}

/**
 * The same store; says after every commit what a transaction inserted, events or tasks, so that use cases need not. Not after a
 * commit whose answer was lost. Of events in a store that is ours alone it says so just before: transactions follow each other
 * there, so that the one that numbers them comes next, and the two share a commit.
 */
export function notingCommits<Tx extends CoreTx>(store: Store<Tx>, { onEvents, onTasks }: Noted): Store<Tx> {
  return {
    ...store,
    tx(work) {
      return store.tx(async (tx) => {
        let hasEvents = false;
        let hasTasks = false;
        const insert: Tx["outbox"]["insert"] = (...added) => {
          hasEvents ||= added.length > 0;
          return tx.outbox.insert(...added);
        };
        const insertTask: Tx["tasks"]["insert"] = (type, task) => {
          hasTasks ||= (task.dueInMs ?? 0) <= 0;
          return tx.tasks.insert(type, task);
        };
        const done = await work({ ...tx, outbox: { ...tx.outbox, insert }, tasks: { ...tx.tasks, insert: insertTask } });
        if (hasEvents && store.exclusive) onEvents();
        else if (hasEvents) tx.afterCommit(onEvents);
        if (hasTasks && onTasks) tx.afterCommit(onTasks);
        return done;
      });
    },
  };
}
