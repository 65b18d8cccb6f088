import type { HandlerContext } from "@connectrpc/connect";
import type { Actor, ApprovalDeps } from "../../approvals/deps.ts";
import type { EventLogFeed } from "../../approvals/ports.ts";
import { can } from "../../kernel/caller.ts";
import { callerOf } from "../platform/caller.ts";

export interface ApprovalHandlerDeps extends ApprovalDeps {
  readonly feed: EventLogFeed;
}

export function actorOf(context: HandlerContext): Actor {
  const { key, name, groups, claimedRoles, tenant, authenticatedAt, traceparent, ...caller } = callerOf(context);
  const login = authenticatedAt === undefined ? {} : { authenticatedAt };
  return { tenant, person: { key, name, groups, roles: claimedRoles, ...login }, isAdmin: can(caller, "admin"), traceparent };
}
