/** The identity providers of the configuration, and whose a token of theirs is. */
import { DomainError } from "./kernel/errors.ts";
import { identified } from "./kernel/claims.ts";
import type { IssuerSettings } from "./config/auth.ts";
import type { Log } from "./kernel/log.ts";
import type { Meter } from "./kernel/meter.ts";
import type { Clock, Pingable } from "./kernel/ports.ts";
import { identityFailures } from "./rpc/platform/access-metrics.ts";
import type { Identify } from "./rpc/platform/auth.ts";

export interface Providers extends Pingable {
  readonly identify: Identify;
  /** Looks at those whose time it is. Does not reject. */
  round(): Promise<void>;
}

/** Nothing is asked of a provider before the first token, or the first round. */
export async function openProviders(
  issuers: readonly IssuerSettings[],
  { clock, log, meter }: { readonly clock: Clock; readonly log: Log; readonly meter: Meter },
): Promise<Providers> {
  const [{ createProvider }, { createVerifier, looksSigned }] = await Promise.all([import("./adapters/oidc/provider.ts"), import("./adapters/oidc/verify.ts")]);
  const onFailure = (): void => meter.count(identityFailures, {});
  const trusted = issuers.map(({ issuer, audiences, takesUntyped }) => ({
    provider: createProvider({ issuer, clock, log, onFailure }),
    audiences,
    takesUntyped,
  }));
  const verify = createVerifier(trusted, clock);
  const mappings = new Map(issuers.map((mapping) => [mapping.issuer, mapping]));
  return {
    async identify(token) {
      const verified = looksSigned(token) ? await verify(token) : undefined;
      const mapping = verified && mappings.get(verified.issuer);
      if (!verified || !mapping) return undefined;
      const found = identified(verified.claims, mapping);
      if (typeof found !== "string") return found;
      throw new DomainError({ kind: "denied", reason: "PERMISSION_DENIED", message: `the token cannot be used: ${found}` });
    },
    async round() {
      await Promise.all(trusted.map(({ provider }) => provider.round()));
    },
    async ping() {
      const problem = trusted.map(({ provider }) => provider.problem()).find((text) => text !== undefined);
      if (problem !== undefined) throw new Error(problem);
    },
  };
}
