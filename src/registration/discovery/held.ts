/**
 * Instances that the catalog lost: registered, not unregistered, and gone from it. Consumers are shown them on until it is
 * decided what becomes of them, so that a catalog that lost its data does not empty their lists.
 *
 * Guarantees: an instance is held from the snapshot in which it is gone (`reconcile/compare.ts` says what that is), with the
 * health that it had last, until it is back in the catalog, is no longer ACTIVE in the record, was found critical there, may not
 * be dialled any more, or, where nothing reconciles, `holdMs` has passed. Where reconciling decides soon, what the record has and the first snapshot
 * lacks is held too, as healthy, so that a restart makes no difference. The record is asked at once and then every second;
 * while the store is away what is held stays. It is for consumers alone: nothing that is decided about registrations looks at it.
 */
import type { Log } from "../../kernel/log.ts";
import type { Clock } from "../../kernel/ports.ts";
import { shownTags, tagsOf } from "../tags.ts";
import type { CatalogInstance } from "../ports.ts";
import { isGone } from "../reconcile/compare.ts";
import type { Registration, RegistrationStore } from "../records.ts";

const askEveryMs = 1_000;
const pageSize = 500;
/** A first snapshot waits no longer for the record than this. */
const beginMs = 1_000;

export interface Held extends AsyncDisposable {
  /** With the epoch milliseconds at which the catalog last had them; undefined when that is not known. */
  instances(): ReadonlyMap<CatalogInstance, number | undefined>;
  /** Takes up, before the first snapshot is shown, what is registered and gone from it. Waits a second at most. */
  begin(first: readonly CatalogInstance[]): Promise<void>;
  /** There is a new snapshot; `registered` are the instances that were shown until now and are in the record, `seenAt` when that was so. */
  follow(registered: readonly CatalogInstance[], next: readonly CatalogInstance[], seenAt: number | undefined): void;
}

export interface HeldOptions {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly log: Log;
  /** The longest that something is held; for ever when undefined, since reconciling decides. */
  readonly holdMs: number | undefined;
  /** Why an address may not be dialled any more: nobody would check what has it. By default all may. */
  readonly judge?: ((address: string) => string | undefined) | undefined;
  /** Something is not held any more, or was taken up later than its snapshot. */
  readonly onChange: () => void;
}

interface Kept {
  readonly instance: CatalogInstance;
  readonly since: number;
  readonly seenAt: number | undefined;
}

export function createHeld({ store, clock, log, holdMs, judge, onChange }: HeldOptions): Held {
  const closed = new AbortController();
  /** By attempt id. */
  const kept = new Map<string, Kept>();
  let latest: readonly CatalogInstance[] = [];
  let asking: Promise<void> | undefined;
  let wake = new AbortController();

  function isBack(id: string, serviceId: string, byService: ReadonlyMap<string, readonly CatalogInstance[]>): boolean {
    return !isGone(id, byService.get(serviceId) ?? []);
  }

  const mayBeDialled = ({ address }: Registration): boolean => judge?.(address) === undefined;

  async function ask(): Promise<void> {
    while (kept.size > 0 && !closed.signal.aborted) {
      wake = new AbortController();
      try {
        if (await drop()) onChange();
      } catch (error) {
        log("warn", "discovery.held-not-read", { error });
      }
      if (kept.size === 0) break;
      await clock.sleep(askEveryMs, AbortSignal.any([closed.signal, wake.signal])).catch(() => undefined);
    }
    asking = undefined;
  }

  async function drop(): Promise<boolean> {
    const ids = [...kept.keys()];
    const lasting = new Set<string>();
    for (let from = 0; from < ids.length; from += pageSize) {
      const rows = await store.tx((tx) => tx.registrations.findAll(ids.slice(from, from + pageSize)));
      for (const row of rows) if (row.state === "ACTIVE" && mayBeDialled(row)) lasting.add(row.id);
    }
    for (const { registrationId } of await store.tx((tx) => tx.criticals.list())) lasting.delete(registrationId);
    let dropped = false;
    for (const id of ids) {
      const isOver = holdMs !== undefined && clock.now() - (kept.get(id)?.since ?? 0) >= holdMs;
      if (isOver || !lasting.has(id)) dropped = kept.delete(id) || dropped;
    }
    return dropped;
  }

  function startAsking(): void {
    wake.abort();
    if (kept.size > 0) asking ??= ask();
  }

  async function takeUp(): Promise<void> {
    const published = new Set((await store.tx((tx) => tx.criticals.list())).map(({ registrationId }) => registrationId));
    for (let after = ""; ;) {
      const page = await store.tx((tx) => tx.registrations.listActive(after, pageSize));
      const byService = Map.groupBy(latest, ({ serviceId }) => serviceId);
      for (const it of page) {
        if (!published.has(it.id) && mayBeDialled(it) && !isBack(it.id, it.serviceId, byService))
          kept.set(it.id, { instance: instanceOf(it), since: clock.now(), seenAt: undefined });
      }
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) break;
      after = last.id;
    }
    startAsking();
  }

  async function takeUpInTheEnd(): Promise<void> {
    while (!closed.signal.aborted) {
      try {
        return await takeUp();
      } catch (error) {
        log("warn", "discovery.held-not-read", { error });
      }
      await clock.sleep(askEveryMs, closed.signal).catch(() => undefined);
    }
  }

  let beginning: Promise<void> | undefined;
  return {
    instances: () => new Map([...kept.values()].map(({ instance, seenAt }) => [instance, seenAt])),
    async begin(first) {
      latest = first;
      // Nobody would take long-dead instances out of it again.
      if (holdMs !== undefined) return;
      const over = new AbortController();
      beginning = takeUpInTheEnd().then(onChange);
      await Promise.race([beginning, clock.sleep(beginMs, AbortSignal.any([closed.signal, over.signal])).catch(() => undefined)]);
      over.abort();
    },
    follow(registered, next, seenAt) {
      latest = next;
      const byService = Map.groupBy(next, ({ serviceId }) => serviceId);
      for (const [id, { instance }] of kept) if (isBack(id, instance.serviceId, byService)) kept.delete(id);
      const before = kept.size;
      for (const instance of registered) {
        const { attemptId, serviceId } = instance;
        if (attemptId === undefined || kept.has(attemptId) || isBack(attemptId, serviceId, byService)) continue;
        kept.set(attemptId, { instance, since: clock.now(), seenAt });
      }
      if (kept.size > before) startAsking();
    },
    async [Symbol.asyncDispose]() {
      closed.abort();
      await beginning;
      await asking;
    },
  };
}

/** What the catalog would list of it. */
function instanceOf(registration: Registration): CatalogInstance {
  const { id, serviceId, name, type, version, request } = registration;
  return {
    serviceId,
    name,
    attemptId: id,
    address: request.connectivity.advertisedHost,
    port: request.connectivity.advertisedPort,
    tags: shownTags(request, tagsOf(registration)),
    meta: { "service-type": `SERVICE_TYPE_${type}`, version },
    status: "passing",
    onTrial: false,
    checks: [],
  };
}
