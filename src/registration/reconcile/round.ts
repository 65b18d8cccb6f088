/**
 * Holds the record against the catalog and puts right what differs: the record decides what is registered, the catalog
 * what is healthy.
 *
 * Guarantees: one replica at a time acts (a named lease), and what it does bears being done twice. An absence is acted on
 * only after a consistent read of the catalog and a look at the agent; when more than a fifth is gone at once, or the
 * catalog was out of sight a moment ago (an outage, an index that went back), only after three consistent reads, two seconds
 * apart, that all say so. Then at most 25 acts a second. What nobody claims is removed at the second look, and only if this
 * record knows its attempt: other Musters may use the same catalog. A read that fails ends the round and counts for nothing.
 * What has an address that the configuration does not allow any more is logged, and taken off the platform as late as what is
 * critical.
 * Not guaranteed: that an entry is back at once; a round begins every 15 s, and soon after the catalog changed.
 */
import type { CatalogInstance } from "../ports.ts";
import type { Log } from "../../kernel/log.ts";
import type { Critical, Registration } from "../records.ts";
import { amend, endCritical, reap, remove, restore, tellCritical, type ActionDeps } from "./actions.ts";
import { compare, confirmed, needsBrake, type Comparison } from "./compare.ts";
import { nothingSeen, plan, type Memory, type Plan } from "./plan.ts";

export type ReconcileMode = "on" | "validate";
export const reconcileActions = ["restored", "amended", "removed", "published_critical", "published_recovered", "reaped", "failed"] as const;
export type ReconcileAction = (typeof reconcileActions)[number];
export const driftKinds = ["missing", "displaced", "drifted", "unclaimed", "critical"] as const;

/** What one round saw and did. */
export interface ReconcileReport {
  readonly drift: Readonly<Record<(typeof driftKinds)[number], number>>;
  readonly actions: Readonly<Partial<Record<ReconcileAction, number>>>;
  readonly braked: boolean;
}

export interface ReconcileDeps extends ActionDeps {
  readonly log: Log;
  /** This process; the lease is held in its name. */
  readonly owner: string;
  readonly mode: ReconcileMode;
  /** Epoch milliseconds at which the catalog's watch was last sure of what it showed; undefined before the first time. */
  readonly seenAt: () => number | undefined;
  readonly onRound: (report: ReconcileReport) => void;
}

export interface Reconciler {
  /** One round. Resolves to true when there is more to do at once. */
  round(signal: AbortSignal): Promise<boolean>;
  /** Lets another replica take over at once; after the last round. */
  release(): Promise<void>;
}

/** Resolves to what was done, if anything was. */
type Act = () => Promise<ReconcileAction | void>;

const leaseName = "reconcile";
const leaseMs = 60_000;
const pageSize = 500;
const secondLookMs = 2_000;
/** A watch that was sure longer ago than this is out of sight of the catalog. */
const sightMs = 15_000;
const actsAtOnce = 25;
const actsEveryMs = 1_000;
/** After so many acts the round ends and another begins, with a fresh look. */
const actsARound = 500;

export function createReconciler(deps: ReconcileDeps): Reconciler {
  const { store, catalog, clock } = deps.ports;
  let memory: Memory = nothingSeen;
  /** The last round ended without a whole look: the catalog may be back, but not yet itself. */
  let inDoubt = true;
  /** Unclaimed entries that belong to another record. */
  let foreign: ReadonlySet<string> = new Set();
  /** Registrations with an address that is not allowed, by id: since when that is known here. */
  let denied: ReadonlyMap<string, Plan["reap"][number]> = new Map();

  const holdLease = (): Promise<boolean> => store.tx((tx) => tx.leases.acquire(leaseName, deps.owner, leaseMs));

  async function look(signal: AbortSignal): Promise<Comparison> {
    const instances = await catalog.instances({}, signal);
    const registrations = await activeRegistrations(deps);
    denied = deniedAmong(registrations);
    return compare(registrations, instances, (entry, listed) => catalog.differences(entry, listed));
  }

  function deniedAmong(registrations: readonly Registration[]): typeof denied {
    const found = registrations.flatMap((registration) => {
      const violation = deps.ports.judge(registration.address);
      if (violation === undefined) return [];
      const known = denied.get(registration.id);
      if (!known)
        deps.log("warn", "reconcile.address-denied", { service: registration.serviceId, why: `its address ${violation}`, removedInMs: deps.reapAfterMs });
      return [[registration.id, { registration, since: known?.since ?? clock.now() }] as const];
    });
    return new Map(found);
  }

  function isOutOfSight(): boolean {
    const seenAt = deps.seenAt();
    return seenAt === undefined || clock.now() - seenAt > sightMs;
  }

  /** The comparison to act on, and whether the brake was on. */
  async function carefulLook(signal: AbortSignal): Promise<{ readonly comparison: Comparison; readonly braked: boolean }> {
    const doubtful = inDoubt || isOutOfSight();
    let comparison = await look(signal);
    const braked = needsBrake(comparison);
    if (!braked && (!doubtful || comparison.missing.length === 0)) return { comparison, braked };
    deps.log("warn", braked ? "reconcile.braked" : "reconcile.looking-again", { missing: comparison.missing.length, of: comparison.total });
    for (let again = 0; again < 2; again++) {
      await clock.sleep(secondLookMs, signal);
      comparison = confirmed(comparison, await look(signal));
    }
    return { comparison, braked };
  }

  /** What the plan asks for, in its order; `unreachable` gets the ids of those whose instance did not answer. */
  function actsOf(todo: Plan, unreachable: Set<string>, signal: AbortSignal): readonly Act[] {
    const did = async (action: ReconcileAction, happened: Promise<boolean>, service: string, since?: number) => {
      if (!(await happened)) return undefined;
      const criticalForMs = since === undefined ? undefined : clock.now() - since;
      deps.log(action === "published_critical" || action === "reaped" ? "warn" : "info", `reconcile.${action}`, { service, criticalForMs });
      return action;
    };
    return [
      ...todo.forget.map((it) => async () => void (await endCritical(deps, it, false))),
      ...todo.restore.map((it) => async () => {
        const outcome = await restore(deps, it, signal);
        if (outcome === "unreachable") unreachable.add(it.id);
        return did("restored", Promise.resolve(outcome === "restored"), it.serviceId);
      }),
      ...todo.amend.map((it) => () => did("amended", amend(deps, it, signal), it.serviceId)),
      ...todo.remove.map((it) => async () => {
        const outcome = await remove(deps, it, signal);
        if (outcome === "foreign") foreign = new Set([...foreign, attemptOf(it)]);
        return did("removed", Promise.resolve(outcome === "removed"), it.serviceId);
      }),
      ...todo.tell.map((it) => () => did("published_critical", tellCritical(deps, it), it.serviceId, it.since)),
      ...todo.recovered.map((it) => () => did("published_recovered", endCritical(deps, it, true), it.serviceId, it.since)),
      ...todo.reap.map((it) => () => did("reaped", reap(deps, it.registration, it.since, signal), it.registration.serviceId, it.since)),
    ];
  }

  /** Carries the acts out at their rate, while the lease is held. Resolves to how often each action was taken. */
  async function carryOut(acts: readonly Act[], signal: AbortSignal): Promise<ReconcileReport["actions"]> {
    const counts: Partial<Record<ReconcileAction, number>> = {};
    for (let done = 0; done < acts.length; done += actsAtOnce) {
      signal.throwIfAborted();
      if (!(await holdLease())) break;
      const isLast = done + actsAtOnce >= acts.length;
      const pause = isLast ? undefined : clock.sleep(actsEveryMs, signal).catch(() => undefined);
      const actions = await Promise.all(acts.slice(done, done + actsAtOnce).map((act) => settled(act, signal)));
      await pause;
      for (const action of actions) if (action) counts[action] = (counts[action] ?? 0) + 1;
    }
    return counts;
  }

  async function settled(act: Act, signal: AbortSignal): Promise<ReconcileAction | undefined> {
    try {
      return (await act()) ?? undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      deps.log("warn", "reconcile.act-failed", { error });
      return "failed";
    }
  }

  async function act(todo: Plan, signal: AbortSignal): Promise<{ readonly actions: ReconcileReport["actions"]; readonly more: boolean }> {
    const unreachable = new Set<string>();
    const acts = actsOf(todo, unreachable, signal);
    const more = acts.length > actsARound;
    const actions = await carryOut(acts.slice(0, actsARound), signal);
    // In a round that was cut short nobody knows whose turn did not come.
    const tried = new Set(more ? [] : todo.restore.map(({ id }) => id));
    const former = [...todo.memory.unreachable].filter((id) => !tried.has(id));
    memory = { ...todo.memory, unreachable: new Set([...former, ...unreachable]) };
    return { actions, more };
  }

  return {
    async round(signal) {
      if (!(await holdLease())) {
        memory = nothingSeen;
        inDoubt = true;
        return false;
      }
      try {
        const { comparison: whole, braked } = await carefulLook(signal);
        const unclaimed = whole.unclaimed.filter((it) => !foreign.has(attemptOf(it)));
        foreign = new Set(whole.unclaimed.map(attemptOf).filter((id) => foreign.has(id)));
        const comparison = { ...whole, unclaimed };
        const published = await store.tx((tx) => tx.criticals.list());
        const todo = plan(comparison, { published, memory, now: clock.now(), reapAfterMs: deps.reapAfterMs });
        inDoubt = false;
        const drift = driftOf(comparison);
        if (deps.mode === "validate") {
          memory = todo.memory;
          const isQuiet = Object.values(drift).every((count) => count === 0);
          if (!isQuiet) deps.log("info", "reconcile.would-act", { ...drift, restore: ids(todo.restore), amend: ids(todo.amend), reap: todo.reap.length });
          deps.onRound({ drift, braked, actions: {} });
          return false;
        }
        const overdue = [...denied.values()].filter(({ since }) => clock.now() - since >= deps.reapAfterMs);
        const { actions, more } = await act({ ...todo, reap: [...todo.reap, ...overdue] }, signal);
        if (Object.keys(actions).length > 0) deps.log("info", "reconcile.acted", { ...drift, ...actions });
        deps.onRound({ drift, braked, actions });
        return more;
      } catch (error) {
        inDoubt = true;
        throw error;
      }
    },
    release: () => store.tx((tx) => tx.leases.release(leaseName, deps.owner)),
  };
}

async function activeRegistrations({ ports }: ReconcileDeps): Promise<readonly Registration[]> {
  const all: Registration[] = [];
  for (;;) {
    const page = await ports.store.tx((tx) => tx.registrations.listActive(all.at(-1)?.id ?? "", pageSize));
    all.push(...page);
    if (page.length < pageSize) return all;
  }
}

function driftOf({ missing, displaced, drifted, unclaimed, critical }: Comparison): ReconcileReport["drift"] {
  return { missing: missing.length, displaced: displaced.length, drifted: drifted.length, unclaimed: unclaimed.length, critical: critical.length };
}

function attemptOf({ attemptId = "" }: CatalogInstance): string {
  return attemptId;
}

function ids(registrations: readonly (Registration | Critical)[]): string {
  return registrations
    .slice(0, 20)
    .map(({ serviceId }) => serviceId)
    .join(",");
}
