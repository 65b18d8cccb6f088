/**
 * The catalog in Consul, through one agent.
 *
 * Guarantees: a former entry is not touched before `promote`, and `promote` replaces it in one request whose check starts
 * passing, so consumers see no gap. Both ids an attempt may use follow from (service id, attempt id), so every operation
 * can be repeated, by any process. At most 4 writes at a time: a write costs the agent time for each check it has. Callers take turns.
 * Does not guarantee order between two attempts on one service id: reading the current entry and writing are two requests.
 * The caller runs one attempt a service id.
 */
import type { Catalog } from "../../registration/ports.ts";
import { isOfServer } from "../../registration/self-registration.ts";
import { DomainError, unavailable } from "../../kernel/errors.ts";
import { createFairQueue } from "../../kernel/fair-queue.ts";
import type { Clock } from "../../kernel/ports.ts";
import { attemptOfBootCheck, entryDifferences, steadyCheckId, trialCheckId } from "../catalog-entry.ts";
import { candidateId, candidateTrial, freshTrial, promoted } from "./definitions.ts";
import { createConsulDriver } from "./driver.ts";
import { createConsulHttp } from "./http.ts";
import { createPassingPoll } from "./passing-poll.ts";
import { attemptOf, createConsulReads, isInternal, isMaintenance, statusOf, toInstance, toPortCheck } from "./reads.ts";
import type { ConsulEntry, ServiceDefinition } from "./types.ts";
import { watchConsul } from "./watch.ts";

const parallelWrites = 4;
/**
 * Boot checks that those in progress share: each costs the agent a dial a second for as long as its trial lasts, so with
 * many trials the agent's load matters more than a short stagger. What has not passed soon takes from its own caller's alone.
 */
const bootCheckBudget = 32;
const proofMs = 6_000;
/** Consul does not repeat a lost sync to its servers for a minute or two; another write does. */
const nudgeAfterMs = 2_000;

export interface ConsulCatalogConfig {
  /** `http://host:port` or `https://host:port` of an agent. */
  readonly url: string;
  readonly token?: string;
  /** For reads of the catalog; default is the agent's own. */
  readonly datacenter?: string;
  /** Number of checks that probe a trial; more find a healthy one sooner. */
  readonly bootstrapChecks?: number;
  readonly clock: Clock;
}

/**
 * A catalog on a Consul agent, 1.8 or newer.
 *
 * `instances` by service id alone asks the agent, which owns what is registered through it: the answer is of one moment, holds
 * all earlier calls of ours, and is never empty because a server replays its log. By name, by name and service id, or of
 * everything, it asks the catalog consistently: what consumers see, entries of other agents and foreign ones included, a few
 * milliseconds later. The agent may hold what the catalog lost; it takes a minute or two to notice, unless it is written anew.
 *
 * `promote` keeps an entry's maintenance mode, and then resolves once it is listed. Promoting again what this attempt
 * already promoted updates the definition and leaves the check the status that it has by then.
 */
export function createConsulCatalog(config: ConsulCatalogConfig): Catalog {
  const { clock, token, bootstrapChecks = 8 } = config;
  const url = new URL(config.url);
  const http = createConsulHttp(url, token);
  const driver = createConsulDriver(url, token);
  const reads = createConsulReads(http, config.datacenter);
  const writes = createFairQueue({ places: parallelWrites });
  const closed = new AbortController();
  const poll = createPassingPoll(clock, async (signal) => {
    const checks = await reads.passingBootChecks(signal);
    return new Set(checks.map((check) => trialKey(check.ServiceID, attemptOfBootCheck(check.CheckID) ?? "")));
  });

  async function put(turnOf: string, define: () => ServiceDefinition, replaceChecks: boolean, signal: AbortSignal): Promise<void> {
    const query: Record<string, string> = replaceChecks ? { "replace-existing-checks": "true" } : {};
    await writes.run(turnOf, signal, () => http.call({ method: "PUT", path: "agent/service/register", query, body: define() }, signal));
  }

  function checksEach(share: string | undefined): number {
    const others = poll.waiting(share) + writes.waiting();
    return Math.min(bootstrapChecks, Math.max(1, Math.floor(bootCheckBudget / (others + 1))));
  }

  async function entries(serviceId: string, attemptId: string, signal: AbortSignal) {
    const [current, candidate] = await Promise.all([reads.agentEntry(serviceId, signal), reads.agentEntry(candidateId(serviceId, attemptId), signal)]);
    return { current, candidate };
  }

  async function removeCandidate(serviceId: string, attemptId: string, signal: AbortSignal): Promise<void> {
    await writes.run(serviceId, signal, () => driver.deregisterService(candidateId(serviceId, attemptId), signal));
  }

  async function prove(isProven: (listed: ConsulEntry) => boolean, wanted: ServiceDefinition, nudge: () => Promise<void>, signal: AbortSignal) {
    const start = clock.now();
    let nudged = false;
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 200)) {
      const listed = await reads.listed(wanted.Name, wanted.ID, signal);
      if (listed.some((entry) => isWritten(entry, wanted) && isProven(entry))) return;
      const elapsed = clock.now() - start;
      if (elapsed > proofMs) throw unavailable("catalog", "the promoted entry is not listed as passing");
      if (elapsed > nudgeAfterMs && !nudged) {
        nudged = true;
        await nudge();
      }
      await clock.sleep(pauseMs, signal);
    }
  }

  return {
    async register(entry, signal, share) {
      const current = await reads.agentEntry(entry.serviceId, signal);
      if (current !== undefined && isOfServer(attemptOf(current.service))) throw idOfServer(entry.serviceId);
      const trial = current === undefined || isTrial(current, entry.attemptId) ? freshTrial : candidateTrial;
      await put(share ?? entry.serviceId, () => trial(entry, checksEach(share)), false, signal);
    },

    async trialChecks(serviceId, attemptId, signal) {
      for (const id of [serviceId, candidateId(serviceId, attemptId)]) {
        const checks = (await reads.agentEntry(id, signal))?.checks.filter((check) => attemptOfBootCheck(check.CheckID) === attemptId) ?? [];
        if (checks.length > 0) return checks.map(toPortCheck);
      }
      return [];
    },

    async awaitPassing(serviceId, attemptId, signal, share) {
      const keys = [serviceId, candidateId(serviceId, attemptId)].map((id) => trialKey(id, attemptId));
      await poll.wait(keys, signal, share);
    },

    async promote(entry, signal) {
      const { current, candidate } = await entries(entry.serviceId, entry.attemptId, signal);
      const wanted = promoted(entry);
      const steadyId = steadyCheckId(entry.attemptId);
      const repeated = current !== undefined && attemptOf(current.service) === entry.attemptId && hasCheck(current, steadyId);
      const paused = current?.checks.some((check) => isMaintenance(check)) ?? false;

      // Replacing the checks would end maintenance mode, which is a check too: then the others are removed one by one.
      const write = async () => {
        await put(entry.serviceId, () => wanted, !paused, signal);
        if (!paused) return;
        const old = current?.checks.filter((it) => it.ServiceID !== "" && it.CheckID !== steadyId && !isMaintenance(it)) ?? [];
        for (const check of old) await writes.run(entry.serviceId, signal, () => driver.deregisterCheck(check.CheckID, signal));
      };
      await write();
      if (candidate !== undefined) await removeCandidate(entry.serviceId, entry.attemptId, signal);
      const isProven = (listed: ConsulEntry) => hasCheck(listed, steadyId) && (repeated || paused || statusOf(listed.checks) === "passing");
      await prove(isProven, wanted, write, signal);
    },

    async deregister(serviceId, attemptId, signal) {
      const { current, candidate } = await entries(serviceId, attemptId, signal);
      if (candidate !== undefined) await removeCandidate(serviceId, attemptId, signal);
      if (current === undefined || attemptOf(current.service) !== attemptId) return;
      await writes.run(serviceId, signal, () => driver.deregisterService(serviceId, signal));
    },

    async instances({ serviceId, name }, signal) {
      const found = await find(serviceId, name, signal);
      return found.filter(({ service }) => !isInternal(service) && (name === undefined || service.Service === name)).map(toInstance);
    },

    watch: (signal) => watchConsul(reads, clock, AbortSignal.any([signal, closed.signal])),

    // Consul keeps the result of a check without its time.
    lastChecked: () => undefined,

    differences: entryDifferences,

    ping: (signal) => driver.requireLeader(signal),

    async [Symbol.asyncDispose]() {
      closed.abort();
      poll[Symbol.dispose]();
      driver[Symbol.dispose]();
      http[Symbol.dispose]();
    },
  };

  async function find(serviceId: string | undefined, name: string | undefined, signal: AbortSignal): Promise<readonly ConsulEntry[]> {
    if (serviceId !== undefined && name !== undefined) return reads.listed(name, serviceId, signal, "consistent");
    if (serviceId === undefined) return name === undefined ? reads.listedAll(signal) : reads.listedUnder(name, signal);
    const entry = await reads.agentEntry(serviceId, signal);
    return entry === undefined ? [] : [entry];
  }
}

/** Clients that look for the platform would be sent to an instance in the place of its entry. */
function idOfServer(serviceId: string): DomainError {
  return new DomainError({
    kind: "already_exists",
    reason: "SERVICE_ID_CLASH",
    message: `the service id ${serviceId} is that of a server of the platform itself`,
    subject: { type: "service", name: serviceId },
    metadata: { service_id: serviceId },
  });
}

function trialKey(serviceId: string, attemptId: string): string {
  return JSON.stringify([serviceId, attemptId]);
}

function hasCheck(entry: ConsulEntry, checkId: string): boolean {
  return entry.checks.some((check) => check.CheckID === checkId);
}

/** True for the fresh trial of this attempt, false once it is promoted. */
function isTrial(entry: ConsulEntry, attemptId: string): boolean {
  return attemptOf(entry.service) === attemptId && hasCheck(entry, trialCheckId(attemptId));
}

/** True when the catalog has what was written, not the entry before it. */
function isWritten({ service }: ConsulEntry, wanted: ServiceDefinition): boolean {
  const meta = Object.entries(wanted.Meta);
  return (
    service.Address === wanted.Address &&
    service.Port === wanted.Port &&
    JSON.stringify(service.Tags ?? []) === JSON.stringify(wanted.Tags) &&
    meta.length === Object.keys(service.Meta ?? {}).length &&
    meta.every(([key, value]) => service.Meta?.[key] === value)
  );
}
