import type { DescMethod } from "@bufbuild/protobuf";
import { createContextKey } from "@connectrpc/connect";
import { DomainError } from "../../kernel/errors.ts";
import { can, principalOf, roles, type Principal } from "../../kernel/caller.ts";
import { accessRules, type AccessRule } from "./access-rules.ts";
import { methodKey } from "../transport/limits.ts";
import type { TokenTable } from "./tokens.ts";

/** Who may call: everybody as `anonymous` with all roles, or the holders of tokens. */
export type AuthMode = { readonly mode: "open" } | { readonly mode: "tokens"; readonly tokens: TokenTable };

/** Who makes a call, and why it is not let in. */
export interface Admission {
  readonly principal: Principal;
  readonly refusal: DomainError | undefined;
}

/** Decides on a call before its message is read, by its method and its `authorization` header. */
export type Gate = (method: DescMethod, authorization: string | undefined) => Admission;

const nobody: Principal = { key: "", name: "", tenant: "default", roles: [], groups: [] };
const anonymous = principalOf("open", "anonymous", roles);

/** Who makes the call: `context.values.get(principalKey)`. Without roles when the method is public and no token came. */
export const principalKey = createContextKey<Principal>(nobody, { description: "who makes the call" });

/**
 * The gate of all calls: says who calls and whether the table lets them. Refuses with `unauthenticated` when no known
 * token came (one text for all cases) and with `denied`, naming the role, when the caller lacks it.
 */
export function createAuthGate(auth: AuthMode, rules: Readonly<Record<string, AccessRule>> = accessRules): Gate {
  const refusalOf = (rpc: string, principal: Principal): DomainError | undefined => {
    const rule = rules[rpc];
    if (rule === "public") return undefined;
    if (principal === nobody) {
      return new DomainError({ kind: "unauthenticated", reason: "UNAUTHENTICATED", message: "a valid token is needed, as `authorization: Bearer <token>`" });
    }
    if (rule === undefined) return denied("nobody may call this method", { rpc });
    const needed = typeof rule === "string" ? [rule] : rule;
    if (needed.some((role) => can(principal, role))) return undefined;
    return denied(`the role ${needed.join(" or ")} is needed`, { rpc, needed_role: needed.join(" or ") });
  };
  return (method, authorization) => {
    const principal = auth.mode === "open" ? anonymous : (holderOf(auth.tokens, authorization) ?? nobody);
    return { principal, refusal: refusalOf(methodKey(method), principal) };
  };
}

function denied(message: string, metadata: Readonly<Record<string, string>>): DomainError {
  return new DomainError({ kind: "denied", reason: "PERMISSION_DENIED", message, metadata });
}

function holderOf(tokens: TokenTable, authorization = ""): Principal | undefined {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return token === undefined ? undefined : tokens.find(token);
}
