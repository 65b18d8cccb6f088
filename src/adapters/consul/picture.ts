/** The known state of Consul's catalog, assembled from its answers. Unchanged instances stay the same objects. */
import type { CatalogInstance } from "../../registration/ports.ts";
import { isInternal, joined, keyOf, type NodeService, toInstance } from "./reads.ts";
import type { ConsulCheck } from "./types.ts";

export interface Picture {
  /** Takes a whole read: services, then checks. */
  takeAll(services: readonly NodeService[], checks: readonly ConsulCheck[]): void;
  /** Takes newer results of the checks it knows. False when they are other checks: then services have to be read too. */
  takeResults(checks: readonly ConsulCheck[]): boolean;
  /** True when an instance that was shown last is no longer in the catalog. */
  lacksSome(): boolean;
  /** The instances, those that are missing included when `keepMissing`. The same array as before when nothing changed. */
  show(keepMissing: boolean): readonly CatalogInstance[];
}

interface Shown {
  readonly text: string;
  readonly instance: CatalogInstance;
}

export function createPicture(): Picture {
  let services: readonly NodeService[] = [];
  let checks: readonly ConsulCheck[] = [];
  let shown: ReadonlyMap<string, Shown> = new Map();
  let instances: readonly CatalogInstance[] = [];

  const missing = (): [string, Shown][] => {
    const here = new Set(services.map(({ node, service }) => keyOf(node, service.ID)));
    return [...shown].filter(([key]) => !here.has(key));
  };

  return {
    takeAll(foundServices, foundChecks) {
      services = foundServices;
      checks = foundChecks;
    },
    takeResults(found) {
      if (!sameChecks(checks, found)) return false;
      checks = found;
      return true;
    },
    lacksSome: () => missing().length > 0,
    show(keepMissing) {
      const next = new Map<string, Shown>(keepMissing ? missing() : []);
      for (const { key, entry } of joined(services, checks)) {
        if (isInternal(entry.service)) continue;
        const instance = toInstance(entry);
        const text = JSON.stringify(instance);
        const former = shown.get(key);
        next.set(key, former?.text === text ? former : { text, instance });
      }
      const same = next.size === shown.size && [...next].every(([key, it]) => shown.get(key) === it);
      if (!same) instances = [...next.values()].map(({ instance }) => instance);
      shown = next;
      return instances;
    },
  };
}

/** True when both hold the same checks; their results may differ. */
function sameChecks(one: readonly ConsulCheck[], other: readonly ConsulCheck[]): boolean {
  const idOf = (check: ConsulCheck) => JSON.stringify([check.Node, check.ServiceID, check.CheckID]);
  const ids = new Set(one.map(idOf));
  return one.length === other.length && other.every((check) => ids.has(idOf(check)));
}
