import type { Clock } from "../../kernel/ports.ts";

/** What `source` gives, and `undefined` whenever it has given nothing for `ms`. Ends `source` when it is ended itself. */
export async function* withQuiet<T>(source: AsyncGenerator<T>, clock: Clock, ms: number): AsyncGenerator<T | undefined> {
  try {
    let next = source.next();
    for (;;) {
      const over = new AbortController();
      const quiet = clock.sleep(ms, over.signal).then(
        () => undefined,
        () => undefined,
      );
      const item = await Promise.race([next, quiet]).finally(() => over.abort());
      if (item === undefined) {
        yield undefined;
        continue;
      }
      if (item.done) return;
      yield item.value;
      next = source.next();
    }
  } finally {
    await source.return(undefined);
  }
}
