/**
 * Single reads of many callers, made together.
 *
 * Guarantees: what a caller gets was read after it asked. One read runs at a time; all who ask meanwhile share the next, up to
 * `most` different keys of them. A read that fails, fails for those it was made for and for nobody else.
 */
export function batched<K, V>(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>, most: number): (key: K) => Promise<V | undefined> {
  /** Those who wait for a read that has not begun. */
  const waiting = new Map<K, PromiseWithResolvers<V | undefined>>();
  let reading = false;

  async function readAll(): Promise<void> {
    while (waiting.size > 0) {
      // Who asks in this turn of the event loop is part of it.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const asked = [...waiting].slice(0, most);
      for (const [key] of asked) waiting.delete(key);
      try {
        const found = await read(asked.map(([key]) => key));
        for (const [key, { resolve }] of asked) resolve(found.get(key));
      } catch (error) {
        for (const [, { reject }] of asked) reject(error);
      }
    }
    reading = false;
  }

  return (key) => {
    const other = waiting.get(key);
    if (other) return other.promise;
    const one = Promise.withResolvers<V | undefined>();
    waiting.set(key, one);
    if (!reading) {
      reading = true;
      void readAll();
    }
    return one.promise;
  };
}
