import type { HandlerContext } from "@connectrpc/connect";
import type { Actor, ApprovalDeps } from "../../approvals/deps.ts";
import type { EventLogFeed } from "../../approvals/ports.ts";
import { userOf } from "../../approvals/who.ts";
import { can } from "../../kernel/caller.ts";
import { callerOf } from "../platform/caller.ts";
import type { Violations } from "../platform/check.ts";

export interface ApprovalHandlerDeps extends ApprovalDeps {
  readonly feed: EventLogFeed;
}

export function actorOf(context: HandlerContext): Actor {
  const { key, name, groups, claimedRoles, tenant, authenticatedAt, traceparent, ...caller } = callerOf(context);
  const login = authenticatedAt === undefined ? {} : { authenticatedAt };
  return { tenant, person: { key, name, groups, roles: claimedRoles, ...login }, isAdmin: can(caller, "admin"), traceparent };
}

/** Reports a name of somebody that is too long, or that nobody can have. */
export function checkPerson(bad: Violations, field: string, name: string, isRequired = false): void {
  if (name === "" && !isRequired) return;
  if (name.length > 255 || userOf(name) === undefined)
    bad.add(field, "must be a key (issuer|subject), or a login or an e-mail address in ASCII without spaces, of at most 255 characters");
  else bad.text(field, name, 255);
}
