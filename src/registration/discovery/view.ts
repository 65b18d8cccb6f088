/**
 * The catalog as consumers see it: one view in memory for the whole process, fed by the catalog's watch.
 *
 * Guarantees: reads never wait and never ask the catalog or the store; before the catalog was seen once they are refused
 * (UNAVAILABLE), afterwards they are answered from what was seen last, however long ago, and `asOf` says when that was. An
 * instance on trial is never shown; one that is registered and was lost by the catalog is (`held.ts`). Watchers of one kind
 * share one list, and get it anew only when something in it changed.
 * Not guaranteed: that a registration is shown the moment it completes; it is when the catalog's watch has reported it.
 */
import type { Catalog, CatalogInstance, CatalogSnapshot } from "../ports.ts";
import { DomainError, unavailable } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Registration, RegistrationStore } from "../records.ts";
import { idKeyOf, nameKeyOf } from "../keys.ts";
import { createBroadcast } from "./broadcast.ts";
import { discoveredFrom, type Discovered, type DiscoveredKind } from "./discovered.ts";
import { createRecordsOfEntries } from "./records-of-entries.ts";
import { createHeld } from "./held.ts";
import { preferred, resolve, type Resolution, type ResolveQuestion } from "./resolve.ts";

/** All instances of a kind, sorted by service id. The same object until one of them changes. */
export interface DiscoveryList {
  readonly kind: DiscoveredKind;
  readonly items: readonly Discovered[];
}

export interface DiscoveryView extends AsyncDisposable {
  /** Resolves when the catalog was seen for the first time. */
  readonly seen: Promise<void>;
  /** Epoch milliseconds for which all answers are true. */
  asOf(): number;
  /** The same, or undefined while there is nothing to answer from. */
  seenAt(): number | undefined;
  list(kind: DiscoveredKind): DiscoveryList;
  /** One instance; `not_found` when there is none, or none of `kind` where that is given. */
  get(lookup: { readonly serviceId: string } | { readonly name: string }, kind?: DiscoveredKind): Discovered;
  resolve(question: ResolveQuestion): Resolution;
  /**
   * What serves under this service id, in any spelling, in the catalog itself, if that is known to have been so at most `ms` ago; else nothing.
   * What the catalog lost is not in it.
   */
  inCatalog(serviceId: string, ms: number): readonly CatalogInstance[];
  /**
   * Epoch milliseconds at which the instance's health was last confirmed: by its check where the catalog keeps the times, else by
   * the latest snapshot that had it so; undefined for what nothing has confirmed yet.
   */
  lastChecked(instance: Discovered): number | undefined;
  /** The list at once, or as soon as there is one, and again after it changed. Ends with the signal's reason. */
  watch(kind: DiscoveredKind, signal: AbortSignal): AsyncGenerator<DiscoveryList>;
  /** Calls `listener` after each change of the catalog, trials included, until `signal` aborts. */
  onChange(listener: () => void, signal: AbortSignal): void;
  /** A registration was committed: looks for its record now. */
  refresh(): void;
}

export interface DiscoveryDeps {
  readonly catalog: Catalog;
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly log: Log;
  /** How long an instance that the catalog lost is shown on; until reconciling has decided when undefined. */
  readonly holdMs?: number | undefined;
  /** What has an address for which it gives a reason is not shown on. */
  readonly judge?: (address: string) => string | undefined;
}

interface Listed {
  readonly instance: CatalogInstance;
  readonly record: Registration | undefined;
  readonly text: string;
  readonly shown: Discovered;
}

/** Sorted and grouped on first use, once for each state. */
interface Index {
  readonly lists: Readonly<Record<DiscoveredKind, DiscoveryList>>;
  /** By `nameKeyOf` and `idKeyOf`: every spelling finds it. */
  readonly byName: ReadonlyMap<string, readonly Discovered[]>;
  readonly byId: ReadonlyMap<string, readonly Discovered[]>;
}

const restartPauseMs = 1_000;

export function createDiscoveryView({ catalog, store, clock, log, holdMs, judge }: DiscoveryDeps): DiscoveryView {
  const stopping = new AbortController();
  const seen = Promise.withResolvers<void>();
  const listeners = new Set<() => void>();
  const turns = new Map<string, number>();
  const broadcasts = { service: createBroadcast(clock), module: createBroadcast(clock) };
  const records = createRecordsOfEntries({ store, clock, log, onFound: () => relist() });
  const held = createHeld({ store, clock, log, holdMs, judge, onChange: () => (keepRecords(), relist()) });
  let snapshot: CatalogSnapshot | undefined;
  let listed: ReadonlyMap<CatalogInstance, Listed> = new Map();
  /** Of the snapshot, what is not on trial, by `idKeyOf`; made at the first use of each. */
  let serving: ReadonlyMap<string, readonly CatalogInstance[]> | undefined;
  let formerLists: Index["lists"] | undefined;
  let index: Index | undefined;

  function take(next: CatalogSnapshot): void {
    const isFirst = snapshot === undefined;
    const isChanged = next.instances !== snapshot?.instances;
    if (isChanged)
      held.follow(
        [...listed.values()].flatMap(({ instance, record }) => (record ? [instance] : [])),
        next.instances,
        snapshot?.at,
      );
    snapshot = next;
    seen.resolve();
    if (!isChanged) return;
    serving = undefined;
    keepRecords();
    relist(isFirst);
    for (const listener of listeners) listener();
  }

  /** What consumers are shown: the catalog's instances, and those that it lost. */
  function shownInstances(): readonly CatalogInstance[] {
    return snapshot ? [...snapshot.instances.filter(({ onTrial }) => !onTrial), ...held.instances().keys()] : [];
  }

  function keepRecords(): void {
    records.keep(new Set(shownInstances().flatMap(({ attemptId }) => attemptId ?? [])));
  }

  /** Puts together anew what is shown; what looks as before stays the same object. */
  function relist(isFirst = false): void {
    const former = new Map([...listed.values()].map((it) => [it.text, it.shown]));
    const changed = { service: isFirst, module: isFirst };
    const left = new Set(former.values());
    const next = new Map<CatalogInstance, Listed>();
    const lostAt = held.instances();
    lost.clear();
    for (const instance of shownInstances()) {
      const record = instance.attemptId === undefined ? undefined : records.get(instance.attemptId);
      let it = listed.get(instance);
      if (it === undefined || it.record !== record) {
        const shown = discoveredFrom(instance, record);
        const text = JSON.stringify(shown);
        it = { instance, record, text, shown: former.get(text) ?? shown };
      }
      next.set(instance, it);
      if (lostAt.has(instance)) lost.set(it.shown, lostAt.get(instance));
      if (!left.delete(it.shown)) changed[it.shown.kind] = true;
    }
    for (const { kind } of left) changed[kind] = true;
    listed = next;
    if (!changed.service && !changed.module) return;
    formerLists = index?.lists ?? formerLists;
    index = undefined;
    if (changed.service) stale.add("service");
    if (changed.module) stale.add("module");
    for (const kind of ["service", "module"] as const) if (changed[kind]) broadcasts[kind].tell();
  }

  /** When the catalog last had what is shown of it although it lost it. */
  const lost = new Map<Discovered, number | undefined>();
  /** Kinds whose list has changed since `formerLists`. */
  const stale = new Set<DiscoveredKind>();

  function indexed(): Index {
    if (snapshot === undefined) throw unavailable("catalog", "it has not answered yet");
    return (index ??= makeIndex());
  }

  function makeIndex(): Index {
    const all = [...listed.values()].map(({ shown }) => shown).toSorted((a, b) => compare(a.serviceId, b.serviceId));
    const listOf = (kind: DiscoveredKind): DiscoveryList => {
      const former = formerLists?.[kind];
      return former && !stale.has(kind) ? former : { kind, items: all.filter((it) => it.kind === kind) };
    };
    const lists = { service: listOf("service"), module: listOf("module") };
    stale.clear();
    const byName = Map.groupBy(all, ({ name }) => nameKeyOf(name));
    for (const name of turns.keys()) if (!byName.has(name)) turns.delete(name);
    return { lists, byName, byId: Map.groupBy(all, ({ serviceId }) => idKeyOf(serviceId)) };
  }

  /** All of the name or id in whatever spelling; of an id that is listed in the very spelling asked for, those alone. */
  function find(lookup: { readonly serviceId: string } | { readonly name: string }): readonly Discovered[] {
    const { byName, byId } = indexed();
    if ("name" in lookup) return byName.get(nameKeyOf(lookup.name)) ?? [];
    const found = byId.get(idKeyOf(lookup.serviceId)) ?? [];
    const exact = found.filter(({ serviceId }) => serviceId === lookup.serviceId);
    return exact.length > 0 ? exact : found;
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        for await (const next of catalog.watch(stopping.signal)) {
          if (snapshot === undefined) await held.begin(next.instances);
          take(next);
        }
      } catch (error) {
        log("error", "discovery.watch-failed", { error });
      }
      await clock.sleep(restartPauseMs, stopping.signal).catch(() => undefined);
    }
  }

  const following = follow();
  return {
    seen: seen.promise,
    asOf() {
      indexed();
      return snapshot?.at ?? clock.now();
    },
    seenAt: () => snapshot && (snapshot.at ?? clock.now()),
    list: (kind) => indexed().lists[kind],
    get(lookup, kind) {
      const instance = preferred(find(lookup).filter((it) => kind === undefined || it.kind === kind));
      if (instance) return instance;
      throw notFound(lookup, kind);
    },
    resolve(question) {
      const key = nameKeyOf(question.name);
      const turn = turns.get(key) ?? 0;
      const resolution = resolve(indexed().byName.get(key) ?? [], question, turn);
      // Only names that exist are remembered, until they are gone: neither callers nor time may fill the memory.
      if (resolution.chosen) turns.set(key, (turn + 1) % Number.MAX_SAFE_INTEGER);
      return resolution;
    },
    inCatalog(serviceId, ms) {
      if (snapshot === undefined || clock.now() - (snapshot.at ?? clock.now()) > ms) return [];
      serving ??= Map.groupBy(
        snapshot.instances.filter(({ onTrial }) => !onTrial),
        (instance) => idKeyOf(instance.serviceId),
      );
      return serving.get(idKeyOf(serviceId)) ?? [];
    },
    lastChecked: (it) => (lost.has(it) ? lost.get(it) : (catalog.lastChecked(it.serviceId) ?? snapshot?.at)),
    async *watch(kind, signal) {
      let sent: DiscoveryList | undefined;
      for (;;) {
        signal.throwIfAborted();
        const round = broadcasts[kind].round();
        const list = snapshot === undefined ? undefined : indexed().lists[kind];
        if (list !== undefined && list !== sent) {
          sent = list;
          yield list;
        }
        await broadcasts[kind].after(round, signal);
      }
    },
    onChange(listener, signal) {
      listeners.add(listener);
      signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
    },
    refresh: () => records.hurry(),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      broadcasts.service[Symbol.dispose]();
      broadcasts.module[Symbol.dispose]();
      await held[Symbol.asyncDispose]();
      await records[Symbol.asyncDispose]();
      await following;
    },
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function notFound(lookup: { readonly serviceId: string } | { readonly name: string }, kind: DiscoveredKind | undefined): DomainError {
  const what = kind ?? "service";
  const known =
    "serviceId" in lookup
      ? {
          message: `there is no ${what} with the service id ${lookup.serviceId}`,
          subject: { type: "service", name: lookup.serviceId },
          metadata: { service_id: lookup.serviceId },
        }
      : { message: `there is no ${what} ${lookup.name}`, subject: { type: what, name: lookup.name }, metadata: { [`${what}_name`]: lookup.name } };
  return new DomainError({ kind: "not_found", reason: "REGISTRATION_NOT_FOUND", ...known });
}
