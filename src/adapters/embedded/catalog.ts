/**
 * The catalog of a single process, in memory, with its own gRPC health checks.
 *
 * Guarantees the same as Consul: a former entry is not touched before `promote`, which replaces it atomically; a trial expires
 * after 3 min, an entry that is critical for 10 min is removed. Nothing survives the process: after a start the
 * record's active entries are put on trial again (`registration/reconcile/restore.ts`). All changes of state are synchronous, so no reader sees a partial one.
 */
import type { Catalog, CatalogEntry, CatalogInstance, ModuleClient } from "../../registration/ports.ts";
import { unavailable } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { HealthVerdict } from "../../registration/types.ts";
import {
  bootCheckId,
  entryDifferences,
  entryMeta,
  entryTags,
  removeAfterMs,
  steadyCheckId,
  steadyIntervalMs,
  trialCheckId,
  trialLifeMs,
} from "../catalog-entry.ts";
import { createHealthProber } from "./health-prober.ts";
import { createWatchers } from "./watchers.ts";

/** A trial is probed immediately, then after 250, 500, 750 ms, then every second. */
const trialPauseMs = (probes: number): number => Math.min(probes * 250, 1_000);
const steadyPauseMs = (): number => steadyIntervalMs;

interface Slot {
  entry: CatalogEntry;
  readonly onTrial: boolean;
  readonly since: number;
  check: CatalogInstance["checks"][number];
  /** Epoch milliseconds; undefined while passing. */
  criticalSince: number | undefined;
  checkedAt: number | undefined;
  /** Its description, until it changes. */
  shown: CatalogInstance | undefined;
  stop: () => void;
}

interface Waiter {
  readonly key: string;
  resolve(): void;
  reject(reason: unknown): void;
}

/** `probe` is the module client's `health`. `instances` is exact at any moment; `ping` always succeeds until dispose. */
export function createEmbeddedCatalog(config: { readonly clock: Clock; readonly probe: ModuleClient["health"] }): Catalog {
  const { clock, probe } = config;
  const prober = createHealthProber(clock, probe);
  /** By service id: the serving entry, or the new trial of an id without one. */
  const own = new Map<string, Slot>();
  /** By trial key: trials beside a serving entry. */
  const candidates = new Map<string, Slot>();
  const waiters = new Set<Waiter>();
  const watchers = createWatchers(() => [...own.values()].map(toInstance));
  let closed = false;

  function requireOpen(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (closed) throw unavailable("catalog", "closed");
  }

  /** `checkedAt`: of a check that the entry has passed already. */
  function place(slots: Map<string, Slot>, key: string, entry: CatalogEntry, onTrial: boolean, checkedAt?: number): void {
    const now = clock.now();
    const check = onTrial
      ? { id: bootCheckId(entry.attemptId, 0), status: "critical", output: "" }
      : { id: steadyCheckId(entry.attemptId), status: "passing", output: "" };
    const slot: Slot = { entry, onTrial, since: now, check, criticalSince: onTrial ? now : undefined, checkedAt, shown: undefined, stop: () => {} };
    slots.get(key)?.stop();
    slots.set(key, slot);
    watchers.changed();
    startChecking(slots, key, slot);
  }

  function startChecking(slots: Map<string, Slot>, key: string, slot: Slot): void {
    slot.stop = prober.watch(slot.entry.check, slot.onTrial ? trialPauseMs : steadyPauseMs, (verdict) => {
      record(slot, verdict);
      if (isOver(slot)) remove(slots, key);
    });
  }

  function record(slot: Slot, verdict: HealthVerdict): void {
    const passing = verdict.status === "serving";
    const output = passing ? "serving" : `${verdict.status}: ${verdict.detail}`;
    slot.checkedAt = clock.now();
    if (slot.check.output !== output) changed(slot, { check: { id: slot.check.id, status: passing ? "passing" : "critical", output } });
    slot.criticalSince = passing ? undefined : (slot.criticalSince ?? clock.now());
    if (passing && slot.onTrial) settle(trialKey(slot.entry.serviceId, slot.entry.attemptId));
  }

  function changed(slot: Slot, what: Partial<Pick<Slot, "entry" | "check">>): void {
    Object.assign(slot, what, { shown: undefined });
    watchers.changed();
  }

  /** Its entry from now on; what is dialled otherwise is checked anew. */
  function rewrite(slots: Map<string, Slot>, key: string, slot: Slot, entry: CatalogEntry): void {
    const moved = JSON.stringify(slot.entry.check) !== JSON.stringify(entry.check);
    changed(slot, { entry });
    if (!moved) return;
    slot.stop();
    startChecking(slots, key, slot);
  }

  function isOver(slot: Slot): boolean {
    const now = clock.now();
    if (slot.onTrial) return now - slot.since >= trialLifeMs;
    return slot.criticalSince !== undefined && now - slot.criticalSince >= (slot.entry.removeAfterMs ?? removeAfterMs);
  }

  function remove(slots: Map<string, Slot>, key: string): void {
    slots.get(key)?.stop();
    if (slots.delete(key)) watchers.changed();
  }

  function settle(key: string): void {
    for (const waiter of waiters) if (waiter.key === key) waiter.resolve();
  }

  function trialOf(serviceId: string, attemptId: string): Slot | undefined {
    return isOwnTrial(serviceId, attemptId) ? own.get(serviceId) : candidates.get(trialKey(serviceId, attemptId));
  }

  function isOwnTrial(serviceId: string, attemptId: string): boolean {
    const slot = own.get(serviceId);
    return slot?.onTrial === true && slot.entry.attemptId === attemptId;
  }

  return {
    async register(entry, signal) {
      requireOpen(signal);
      const { serviceId, attemptId } = entry;
      const isCandidate = own.has(serviceId) && !isOwnTrial(serviceId, attemptId);
      const slots = isCandidate ? candidates : own;
      const key = isCandidate ? trialKey(serviceId, attemptId) : serviceId;
      const trial = slots.get(key);
      if (trial === undefined) place(slots, key, entry, true);
      else rewrite(slots, key, trial, entry);
    },

    async trialChecks(serviceId, attemptId, signal) {
      requireOpen(signal);
      const trial = trialOf(serviceId, attemptId);
      return trial === undefined ? [] : [trial.check];
    },

    async awaitPassing(serviceId, attemptId, signal) {
      requireOpen(signal);
      if (trialOf(serviceId, attemptId)?.check.status === "passing") return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter = { key: trialKey(serviceId, attemptId), resolve, reject };
      waiters.add(waiter);
      try {
        await orAborted(promise, signal);
      } finally {
        waiters.delete(waiter);
      }
    },

    async promote(entry, signal) {
      requireOpen(signal);
      const slot = own.get(entry.serviceId);
      if (slot === undefined || slot.onTrial || slot.entry.attemptId !== entry.attemptId) {
        place(own, entry.serviceId, entry, false, trialOf(entry.serviceId, entry.attemptId)?.checkedAt);
      } else {
        rewrite(own, entry.serviceId, slot, entry);
      }
      remove(candidates, trialKey(entry.serviceId, entry.attemptId));
    },

    async deregister(serviceId, attemptId, signal) {
      requireOpen(signal);
      remove(candidates, trialKey(serviceId, attemptId));
      if (own.get(serviceId)?.entry.attemptId === attemptId) remove(own, serviceId);
    },

    async instances({ serviceId, name }, signal) {
      requireOpen(signal);
      return [...own.values()]
        .filter(({ entry }) => (serviceId === undefined || entry.serviceId === serviceId) && (name === undefined || entry.name === name))
        .map(toInstance);
    },

    watch: (signal) => watchers.watch(signal),

    lastChecked: (serviceId) => own.get(serviceId)?.checkedAt,

    differences: entryDifferences,

    async ping(signal) {
      requireOpen(signal);
    },

    async [Symbol.asyncDispose]() {
      closed = true;
      watchers.end();
      for (const waiter of waiters) waiter.reject(unavailable("catalog", "closed"));
      await prober[Symbol.asyncDispose]();
      own.clear();
      candidates.clear();
    },
  };
}

function trialKey(serviceId: string, attemptId: string): string {
  return JSON.stringify([serviceId, attemptId]);
}

function toInstance(slot: Slot): CatalogInstance {
  return (slot.shown ??= described(slot));
}

function described({ entry, onTrial, check }: Slot): CatalogInstance {
  const guard = { id: trialCheckId(entry.attemptId), status: "critical", output: "" };
  return {
    serviceId: entry.serviceId,
    name: entry.name,
    attemptId: entry.attemptId,
    address: entry.address,
    port: entry.port,
    tags: entryTags(entry),
    meta: entryMeta(entry),
    status: onTrial || check.status !== "passing" ? "critical" : "passing",
    onTrial,
    checks: onTrial ? [guard, check] : [check],
  };
}
