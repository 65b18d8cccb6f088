import { createContextKey } from "@connectrpc/connect";
import { DomainError } from "../../kernel/errors.ts";
import { can, type Principal, type Role } from "../../kernel/caller.ts";
import type { Credentials } from "./credentials.ts";
import { openCaller } from "./open-caller.ts";
import type { TokenHolder, TokenTable } from "./tokens.ts";

/** Access mode: every caller as who he says he is, with all roles that methods need, or only holders of tokens. */
export type AuthMode = { readonly mode: "open" } | { readonly mode: "tokens"; readonly tokens: Pick<TokenTable, "find"> };

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
 * Decides on a call by its target and the credentials in its headers; its message is not read before that. May answer later.
 * A rejection fails the call: with its own status when it is a DomainError, as INTERNAL otherwise.
 */
export type Gate = (target: Target, credentials: Credentials) => Admission | Promise<Admission>;

/** The principal of a call without a valid token. It has no roles. */
export const nobody: Principal = { key: "", name: "", tenant: "default", roles: [], groups: [], claimedRoles: [] };

/** Whose share of the server a call uses: see `Caller`. `peer` is the other end of its connection; with open access anybody may claim any name. */
export function shareOfCall({ key }: Principal, peer: string | undefined): string {
  return key === nobody.key || key.startsWith("open|") ? (peer ?? "") : key;
}

/** The principal of the call: `context.values.get(principalKey)`. Without roles when the method is public and no token came. */
export const principalKey = createContextKey<Principal>(nobody, { description: "who makes the call" });

/** The gate for open access and for tokens. It answers synchronously. */
export function createAuthGate(auth: AuthMode): (target: Target, credentials: Credentials) => Admission {
  if (auth.mode === "open") {
    return (target, credentials) => {
      const principal = openCaller(credentials);
      if (!(principal instanceof DomainError)) return { principal, refusal: refusalOf(target, principal) };
      return { principal: nobody, refusal: target.access === "public" ? undefined : principal };
    };
  }
  const { tokens } = auth;
  return (target, { authorization }) => {
    const holder = holderOf(tokens, authorization);
    if (holder?.isEnabled === false)
      return target.access === "public" ? { principal: nobody, refusal: undefined } : { principal: holder.principal, refusal: disabled(target) };
    const principal = holder?.principal ?? nobody;
    return { principal, refusal: refusalOf(target, principal) };
  };
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

function holderOf(tokens: Pick<TokenTable, "find">, authorization = ""): TokenHolder | undefined {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return token === undefined ? undefined : tokens.find(token);
}
