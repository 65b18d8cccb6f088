/**
 * Requests of instances that wait for an approval, as every instance repeats its own each 30 seconds: answered from the ask, without
 * a trial. Everybody who waits at that moment shares the query. That an instance still asks is written at most once a minute.
 * Nothing is read while the gate is off. Not guaranteed: that one which another replica holds is found by this one in the first seconds
 * after the gate was turned on; it is tried again then, and asks for the same.
 */
import { batched } from "../../kernel/batched.ts";
import { can, isOf, type Caller } from "../../kernel/caller.ts";
import type { Clock } from "../../kernel/ports.ts";
import { idKeyOf } from "../keys.ts";
import type { RegistrationStore } from "../records.ts";
import type { Asked } from "../unchanged.ts";
import type { Waiting } from "./gate-records.ts";
import type { Gate } from "./gate-types.ts";

const idsAQuery = 500;
const touchMs = 60_000;

/** The ask that is what the caller asks for and may ask for; undefined when that is not plainly so. */
export type FindHeld = (asked: Asked, caller: Caller) => Promise<Waiting | undefined>;

export interface FindHeldDeps {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly gate: Pick<Gate, "wasOff">;
}

export function createFindHeld({ store, clock, gate }: FindHeldDeps): FindHeld {
  const askUnder = batched<string, Waiting>(async (idKeys) => {
    const now = clock.now();
    const found = await store.tx(async (tx) => {
      const asks = await tx.asks.waiting(idKeys);
      await tx.asks.touch(
        asks.filter(({ askedAt }) => askedAt <= now - touchMs).map(({ serviceId }) => serviceId),
        now,
      );
      return asks;
    });
    return new Map(found.map((ask) => [idKeyOf(ask.serviceId), ask]));
  }, idsAQuery);

  return async ({ serviceId, hash, address }, caller) => {
    if (gate.wasOff()) return undefined;
    const ask = await askUnder(idKeyOf(serviceId));
    if (!ask || ask.isAdmitted || ask.requestHash !== hash || ask.address !== address) return undefined;
    return isOf(ask.actor, caller) || can(caller, "admin") ? ask : undefined;
  };
}
