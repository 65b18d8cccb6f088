import type { Catalog, CatalogInstance, CatalogSnapshot } from "../../src/registration/ports.ts";
import { eventually } from "./instances.ts";

export interface FollowedCatalog extends AsyncDisposable {
  first(): Promise<CatalogSnapshot>;
  last(): CatalogSnapshot | undefined;
  /** Instances of the name that is followed. */
  ofName(snapshot: CatalogSnapshot | undefined): readonly CatalogInstance[];
  /** Resolves at a snapshot, past or to come, later than those that earlier calls resolved at. */
  until(isSo: (instances: readonly CatalogInstance[]) => boolean): Promise<void>;
  /** What the name's instances looked like, without repetitions: `<status>`, `<status> on trial`, or `none`. */
  states(): readonly string[];
  /** Service ids ever seen that have to do with the name. */
  everSeen(): ReadonlySet<string>;
}

/** Watches a catalog and remembers every snapshot. */
export function followCatalog(catalog: Catalog, name: string): FollowedCatalog {
  const snapshots: CatalogSnapshot[] = [];
  const stop = new AbortController();
  let failure: unknown;
  let from = 0;
  const following = (async () => {
    for await (const snapshot of catalog.watch(stop.signal)) snapshots.push(snapshot);
  })().catch((error: unknown) => {
    failure = error;
  });
  const ofName = (snapshot: CatalogSnapshot | undefined) => snapshot?.instances.filter((instance) => instance.name === name) ?? [];
  const wait = <T>(read: () => T | undefined): Promise<T> =>
    eventually(
      async () => {
        if (failure !== undefined) throw failure;
        return read();
      },
      60_000,
      1,
    );
  return {
    first: () => wait(() => snapshots[0]),
    last: () => snapshots.at(-1),
    ofName,
    async until(isSo) {
      from = await wait(() => {
        const at = snapshots.findIndex((snapshot, index) => index >= from && isSo(ofName(snapshot)));
        return at < 0 ? undefined : at;
      });
    },
    states() {
      const all = snapshots.map((snapshot) =>
        ofName(snapshot)
          .map(({ status, onTrial }) => (onTrial ? `${status} on trial` : status))
          .join(", "),
      );
      return all.map((state) => state || "none").filter((state, index, states) => state !== states[index - 1]);
    },
    everSeen: () =>
      new Set(snapshots.flatMap(({ instances }) => instances.filter((it) => it.serviceId.startsWith(name) || it.name === name).map((it) => it.serviceId))),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}
