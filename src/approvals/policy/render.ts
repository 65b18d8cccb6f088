/** A policy document as text with its defaults written out: what is parsed from it is the same document. */
import { stringify } from "yaml";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { PolicyDocument, RequirementRule, RouteRule, StageRule, TimedAction, Who } from "../types.ts";
import { durationText } from "../../documents/fields.ts";
import { needText } from "./people.ts";

/** The document as it is written, field by field. */
export function policyJson(document: PolicyDocument): JsonObject {
  const { onUnsatisfiable, effect } = document;
  return {
    key: document.key,
    subject: document.subject,
    ...(document.context ? { context: document.context } : {}),
    ttl: durationText(document.ttlMs),
    route: document.route.map(routeJson),
    stages: document.stages.map(stageJson),
    on_unsatisfiable: typeof onUnsatisfiable === "string" ? onUnsatisfiable : { escalate: whoJson(onUnsatisfiable.escalate) },
    on_expire: document.onExpire,
    distinct_people: document.distinctPeople,
    requester_may_vote: document.requesterMayVote,
    ...(document.reauthMs === undefined ? {} : { reauth: durationText(document.reauthMs) }),
    reason_required: document.reasonRequired,
    effect: { auto: effect.auto, ...(effect.grantTtlMs === undefined ? {} : { grant_ttl: durationText(effect.grantTtlMs) }) },
  };
}

export function policyYaml(document: PolicyDocument): string {
  return stringify(policyJson(document), { version: "1.2", schema: "core", lineWidth: 140, aliasDuplicateObjects: false });
}

function routeJson({ id, when, then, reason }: RouteRule): JsonObject {
  return { id, when, then, ...(reason === undefined ? {} : { reason }) };
}

function stageJson({ id, when, requirements, after }: StageRule): JsonObject {
  return { id, ...condition(when), requirements: requirements.map(requirementJson), after: after.map(actionJson) };
}

function requirementJson({ id, when, who, need, veto }: RequirementRule): JsonObject {
  return { id, ...condition(when), who: whoJson(who), need: needText(need), veto };
}

function actionJson(action: TimedAction): JsonObject {
  return { in: durationText(action.afterMs), do: action.do, ...(action.do === "escalate" ? { to: whoJson(action.to) } : {}) };
}

function whoJson({ users, groups, roles, expr }: Who): JsonObject {
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ["users", users],
    ["groups", groups],
    ["roles", roles],
  ];
  return { ...Object.fromEntries(lists.filter(([, names]) => names.length > 0)), ...(expr === undefined ? {} : { expr }) };
}

function condition(when: string | undefined): { readonly [name: string]: Json } {
  return when === undefined ? {} : { when };
}
