import { createContextKey } from "@connectrpc/connect";
import { DomainError } from "../../kernel/errors.ts";
import { can, type Principal, type Role } from "../../kernel/caller.ts";
import type { Identified } from "../../kernel/claims.ts";
import type { Credentials } from "./credentials.ts";
import { openCaller } from "./open-caller.ts";
import type { TokenTable } from "./tokens.ts";

/** Access mode: every caller as who he says he is, with all roles that methods need, or only who has credentials. */
export type AuthMode = { readonly mode: "open" } | CredentialMode;

export interface CredentialMode {
  readonly mode: "tokens";
  readonly tokens: Pick<TokenTable, "find">;
  /** Whose certificate has this SPIFFE id; undefined for nobody's. It is asked only where no token came. */
  readonly workload?: (spiffeId: string) => Principal | undefined;
}

/**
 * Whose token this is, by the word of an identity provider. Undefined when it is none of theirs; rejects with the DomainError that
 * the call is to be refused with.
 */
export type Identify = (token: string) => Promise<Identified | undefined>;

/** The caller must have this role, or one of several, or only be known; a public target is open to callers without a token. */
export type AccessRule = Role | readonly Role[] | "known" | "public";

/** Who may read the contract from a running server, by reflection or as `/descriptor.binpb`. */
export const reflectionAccess: Role = "viewer";

/** What can be called. One object for each, made at the start. */
export interface Target {
  readonly kind: "rpc" | "route";
  /** `package.Service/Method`, or method and path template of a route: its name in logs, metrics and refusals. */
  readonly name: string;
  readonly access: AccessRule;
  /** It is served also when too many calls are open: for probes. */
  readonly evenWhenFull?: boolean;
}

/** The principal of a call, and the refusal if it is not admitted. */
export interface Admission {
  readonly principal: Principal;
  readonly refusal: DomainError | undefined;
}

/**
 * Decides on a call by its target, the credentials in its headers, and the SPIFFE id in the certificate of its connection, where
 * certificates are asked for; its message is not read before that. May answer later.
 * A rejection fails the call: with its own status when it is a DomainError, as INTERNAL otherwise.
 */
export type Gate = (target: Target, credentials: Credentials, spiffeId?: string) => Admission | Promise<Admission>;

/** The result of the gate; a gate that throws counts as one that rejects. */
export function admissionOf(gate: Gate, ...call: Parameters<Gate>): Admission | Promise<Admission> {
  try {
    return gate(...call);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The principal of a call without a valid token. It has no roles. */
export const nobody: Principal = { key: "", name: "", tenant: "default", roles: [], groups: [], claimedRoles: [] };

/** Whose share of the server a call uses: see `Caller`. `peer` is the other end of its connection; with open access anybody may claim any name. */
export function shareOfCall({ key }: Principal, peer: string | undefined): string {
  return key === nobody.key || key.startsWith("open|") ? (peer ?? "") : key;
}

/** The principal of the call: `context.values.get(principalKey)`. Without roles when the method is public and no token came. */
export const principalKey = createContextKey<Principal>(nobody, { description: "who makes the call" });

type GateAtOnce = (...call: Parameters<Gate>) => Admission;

/** The gate for open access, for the tokens of a file and for certificates. It answers synchronously. */
export function createAuthGate(auth: AuthMode): GateAtOnce {
  if (auth.mode === "open") {
    return (target, credentials) => {
      const principal = openCaller(credentials);
      if (!(principal instanceof DomainError)) return { principal, refusal: refusalOf(target, principal) };
      return { principal: nobody, refusal: target.access === "public" ? undefined : principal };
    };
  }
  const { tokens, workload } = auth;
  return (target, { authorization }, spiffeId) => {
    const token = bearerOf(authorization);
    if (token !== undefined) return admission(target, tokens.find(token));
    const principal = authorization === undefined && spiffeId !== undefined ? workload?.(spiffeId) : undefined;
    return admission(target, principal && { principal, isEnabled: true });
  };
}

/** The gate for tokens of identity providers; others, and calls without any, go to `rest`. What is public asks no provider. */
export function createProviderGate(identify: Identify, rest: GateAtOnce): Gate {
  const identified = async (token: string, ...call: Parameters<Gate>): Promise<Admission> => {
    const found = await identify(token);
    return found ? admission(call[0], found) : rest(...call);
  };
  return (...call) => {
    const token = call[0].access === "public" ? undefined : bearerOf(call[1].authorization);
    return token === undefined ? rest(...call) : identified(token, ...call);
  };
}

function admission(target: Target, found: Identified | undefined): Admission {
  if (found?.isEnabled === false)
    return target.access === "public" ? { principal: nobody, refusal: undefined } : { principal: found.principal, refusal: disabled(target) };
  const principal = found?.principal ?? nobody;
  return { principal, refusal: refusalOf(target, principal) };
}

/**
 * Why this principal may not call the target; undefined when it may. Kind `unauthenticated` when there is no known token
 * (the same text in all cases), `denied` with the role's name when the principal lacks it.
 */
export function refusalOf({ kind, name, access }: Target, principal: Principal): DomainError | undefined {
  if (access === "public") return undefined;
  if (principal === nobody) {
    return new DomainError({ kind: "unauthenticated", reason: "UNAUTHENTICATED", message: "a valid token is needed, as `authorization: Bearer <token>`" });
  }
  if (access === "known") return undefined;
  if (typeof access === "string" ? can(principal, access) : access.some((role) => can(principal, role))) return undefined;
  const needed = typeof access === "string" ? access : access.join(" or ");
  return new DomainError({
    kind: "denied",
    reason: "PERMISSION_DENIED",
    message: `the role ${needed} is needed`,
    metadata: { [kind]: name, needed_role: needed },
  });
}

function disabled({ kind, name }: Target): DomainError {
  return new DomainError({ kind: "denied", reason: "PERMISSION_DENIED", message: "this principal is disabled", metadata: { [kind]: name } });
}

function bearerOf(authorization = ""): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}
