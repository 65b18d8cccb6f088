import { setTimeout as pause } from "node:timers/promises";
import type { Discovered, Site } from "./site.ts";

export interface Consumers extends AsyncDisposable {
  /** How often they looked. */
  looks(): number;
  /** What they were shown, each different answer once, in order. */
  shown(): readonly (readonly Discovered[])[];
}

/** Asks for the passing entries of a name again and again, as those who call it do. */
export function watchAsConsumers(site: Site, name: string): Consumers {
  const shown: (readonly Discovered[])[] = [];
  const stop = new AbortController();
  let looks = 0;
  const watching = (async () => {
    await using view = await site.look();
    while (!stop.signal.aborted) {
      const found = (await view.discovered(name)) ?? [];
      looks += 1;
      if (JSON.stringify(found) !== JSON.stringify(shown.at(-1))) shown.push(found);
      await pause(25);
    }
  })();
  // Awaited at the end, where a failure is reported.
  watching.catch(() => undefined);
  return {
    looks: () => looks,
    shown: () => shown,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
