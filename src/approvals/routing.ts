/** What a policy makes of a request: a decision at once, or its stages. Pure. */
import type { ApprovalChange, Requirement, Routed, Stage } from "./request.ts";
import type { Evaluated, Policy, RouteRule, Scope, Who } from "./types.ts";
import { joinWho, userName, whoOf } from "./who.ts";

export interface Route {
  readonly routed: Routed;
  /** The rule that decides at once. */
  readonly rule: RouteRule | undefined;
  /** One event for each expression that failed. */
  readonly failures: readonly Extract<ApprovalChange, { type: "expression_failed" }>[];
}

/** Whom `who` names: those it lists, and with the value of its expression, if it has one. */
export function peopleOf(policy: Policy, { expr, users, groups, roles }: Who, scope: Scope): { readonly listed: Who; readonly evaluated: Evaluated<Who> } {
  const listed = { users: users.map(userName), groups, roles };
  const found: Evaluated<readonly string[]> = expr === undefined ? { value: [] } : policy.people(expr, scope);
  return { listed, evaluated: "value" in found ? { value: joinWho(listed, whoOf(found.value)) } : found };
}

/**
 * Applies a policy. It fails closed: a route rule that fails does not hold, a stage or requirement whose `when` fails applies, an
 * expression for people that fails names nobody.
 */
export function routeOf(policy: Policy, scope: Scope, now: number): Route {
  const { document, version, digest } = policy;
  const failures: Route["failures"][number][] = [];
  const settle = <T>(where: string, evaluated: Evaluated<T>, otherwise: T): T => {
    if ("value" in evaluated) return evaluated.value;
    failures.push({ type: "expression_failed", where, failure: evaluated.failure });
    return otherwise;
  };
  const applies = (where: string, when: string | undefined) => when === undefined || settle(where, policy.holds(when, scope), true);
  const people = (where: string, who: Who) => {
    const named = peopleOf(policy, who, scope);
    return settle(where, named.evaluated, named.listed);
  };

  const rule = document.route.find(({ id, when }) => settle(`route.${id}.when`, policy.holds(when, scope), false));
  const stages = rule
    ? []
    : document.stages.map((stage): Stage => {
        const at = `stages.${stage.id}`;
        const requirements = applies(`${at}.when`, stage.when)
          ? stage.requirements
              .filter(({ id, when }) => applies(`${at}.${id}.when`, when))
              .map(({ id, need, veto, who }): Requirement => ({ id, need, veto, who: people(`${at}.${id}.who`, who), replaced: [] }))
          : [];
        const after = stage.after.map((action) => (action.do === "escalate" ? { ...action, to: people(`${at}.after`, action.to) } : action));
        return { id: stage.id, status: "WAITING", requirements, after, done: [], isEscalated: false, isUnsatisfiable: false };
      });
  const expiresAt = now + document.ttlMs;
  return {
    routed: { policy: { key: document.key, version, digest }, requesterMayVote: document.requesterMayVote, expiresAt, stages },
    rule,
    failures,
  };
}
