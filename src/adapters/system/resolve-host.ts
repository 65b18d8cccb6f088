import { lookup } from "node:dns/promises";
import { isIpLiteral, judgeAddress, type AddressPolicy } from "../../registration/address.ts";
import type { ResolvedHost } from "../../registration/register.ts";

const limitMs = 5_000;

/**
 * Turns a host into one address that may be dialled. A name is looked up once and every answer is checked, so that no
 * later lookup can give another one; IPv4 is preferred. Rejects only by `signal`.
 */
export function createHostResolver(policy: AddressPolicy): (host: string, signal: AbortSignal) => Promise<ResolvedHost> {
  return async (host, signal) => {
    const answers = isIpLiteral(host) ? [host] : await addressesOf(host, signal);
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

async function addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const cut = new Promise<never>((_, reject) => {
    limit.addEventListener("abort", () => reject(limit.reason), { once: true });
  });
  try {
    const found = await Promise.race([lookup(host, { all: true, order: "ipv4first" }), cut]);
    return found.map(({ address }) => address);
  } catch {
    signal.throwIfAborted();
    return [];
  }
}
