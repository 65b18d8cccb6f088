/**
 * Turns a host into one address that may be dialled. A name is looked up once and every answer is checked, so that no
 * later lookup can give another one; IPv4 is preferred. Callers share the lookups, so that names whose servers are silent hold up
 * only whoever sends them.
 */
import { unavailable } from "../../kernel/errors.ts";
import { createFairQueue } from "../../kernel/fair-queue.ts";
import { shareFull } from "../../kernel/shares.ts";
import { isIpLiteral, judgeAddress, type AddressPolicy } from "../../registration/address.ts";
import type { ResolveHost } from "../../registration/register.ts";
import { createNameService, type LookUp } from "./name-service.ts";

export interface HostResolverOptions {
  readonly lookUp?: LookUp;
  /** From a call to its end, in milliseconds. */
  readonly limitMs?: number;
  /** Lookups at once; so many more wait. */
  readonly places?: number;
  readonly waiting?: number;
}

export function createHostResolver(policy: AddressPolicy, options: HostResolverOptions = {}): ResolveHost {
  const { lookUp = createNameService(), limitMs = 4_000, places = 64, waiting = 448 } = options;
  const queue = createFairQueue({
    places,
    waiting,
    refusal: (inside, share) => shareFull(inside, share, { reason: "TOO_MANY_REQUESTS", what: "host names are being looked up", retryAfterMs: 1_000 }),
  });

  async function addressesOf(host: string, share: string, signal: AbortSignal): Promise<readonly string[]> {
    const limit = AbortSignal.timeout(limitMs);
    const either = AbortSignal.any([signal, limit]);
    return queue
      .run(share, either, () => lookUp(host, either))
      .catch((error: unknown) => {
        if (error !== limit.reason) throw error;
        throw unavailable("name service", `it did not say within ${limitMs} ms what the address of ${host} is`, error);
      });
  }

  return async (host, share, signal) => {
    signal.throwIfAborted();
    const answers = isIpLiteral(host) ? [host] : await addressesOf(host, share, signal);
    const [first] = answers;
    if (first === undefined) return { violation: "cannot be resolved", reason: "HOST_UNRESOLVABLE" };
    for (const address of answers) {
      const verdict = judgeAddress(address, policy);
      if (verdict)
        return { violation: answers[0] === host ? `is denied: ${verdict}` : `is denied: it resolves to an address that ${verdict}`, reason: "HOST_DENIED" };
    }
    return { address: first };
  };
}
