import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { createWatchers } from "./watchers.ts";

test("a watch shows each change, ends with its signal, and leaves nothing on it meanwhile", async () => {
  const watchers = createWatchers(() => []);
  const stop = new AbortController();
  const watch = watchers.watch(stop.signal);
  await watch.next();
  for (let changes = 0; changes < 20; changes += 1) {
    const next = watch.next();
    watchers.changed();
    expect((await next).value).toEqual({ instances: [], at: undefined });
  }
  const last = watch.next();
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
  stop.abort();
  expect((await last).done).toBe(true);
});

test("when the catalog ends, a watch that waits ends with it", async () => {
  const watchers = createWatchers(() => []);
  const watch = watchers.watch(new AbortController().signal);
  expect(await watch.next()).toMatchObject({ done: false });
  const next = watch.next();
  watchers.end();
  expect(await next).toEqual({ done: true, value: undefined });
});
