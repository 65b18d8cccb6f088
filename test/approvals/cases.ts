/** People, policies and requests for the tests of the approval machine. */
import { expect } from "vitest";
import { explain, type ExplainedRequirement } from "../../src/approvals/explain.ts";
import { open, vote, type Answer, type OpenCommand, type VoteCommand } from "../../src/approvals/machine.ts";
import type { World } from "../../src/approvals/people.ts";
import type { Approval, ApprovalEvent } from "../../src/approvals/request.ts";
import type { Made } from "../../src/approvals/settle.ts";
import type {
  Evaluated,
  Member,
  Person,
  Policy,
  PolicyDocument,
  RequirementRule,
  RouteRule,
  Scope,
  StageRule,
  StandIn,
  Who,
} from "../../src/approvals/types.ts";

export const hour = 3_600_000;
export const t0 = Date.UTC(2026, 10, 26, 12);

export function who(...names: readonly string[]): Who {
  const of = (prefix: string) => names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return { users: names.filter((name) => !/^(group|role):/.test(name)), groups: of("group:"), roles: of("role:") };
}

/** `id|name`, with the groups and roles that the words name: `group:sre`, `role:security`. */
export function person(name: string, ...held: readonly string[]): Person {
  const { groups, roles } = who(...held);
  return { key: `id|${name}`, name, groups, roles };
}

export function member(name: string, ...held: readonly string[]): Member {
  return { ...person(name, ...held), aliases: [name], isEnabled: true };
}

export function requirement(id: string, change: Partial<RequirementRule> = {}): RequirementRule {
  return { id, who: who("group:sre"), need: { count: 1 }, veto: 1, ...change };
}

export function stage(id: string, requirements: readonly RequirementRule[], change: Partial<StageRule> = {}): StageRule {
  return { id, requirements, after: [], ...change };
}

export function rule(id: string, when: string, does: RouteRule["then"], reason?: string): RouteRule {
  // oxlint-disable-next-line unicorn/no-thenable -- it is a word of the policy
  return { id, when, then: does, ...(reason === undefined ? {} : { reason }) };
}

/** What the expressions of a test's policy are worth: `true`, `false`, a list of people, or an error as a failure. */
export type Values = Readonly<Record<string, boolean | readonly string[] | Error>>;

export function policy(change: Partial<PolicyDocument> = {}, values: Values = {}, seen: Scope[] = []): Policy {
  const document: PolicyDocument = {
    key: "release",
    subject: "release",
    ttlMs: 100 * hour,
    route: [],
    stages: [stage("review", [requirement("team")])],
    onUnsatisfiable: "reject",
    onExpire: "expire",
    distinctPeople: "stage",
    requesterMayVote: false,
    reasonRequired: [],
    effect: { auto: true },
    ...change,
  };
  const evaluate = <T>(expression: string, scope: Scope): Evaluated<T> => {
    seen.push(scope);
    const value = values[expression];
    return value instanceof Error ? { failure: value.message } : { value: value as T };
  };
  return {
    document,
    version: 3,
    digest: "d3",
    holds: (expression, scope) => evaluate<boolean>(expression, scope),
    people: (expression, scope) => evaluate<readonly string[]>(expression, scope),
  };
}

export function world(members: readonly Member[] | "unknown" | undefined, change: Partial<World> = {}): World {
  const directory = Array.isArray(members) ? { version: 1, members: members as readonly Member[] } : (members as "unknown" | undefined);
  return { now: t0, directory, standIns: [], ...change };
}

export function standIn(from: Person, to: string): StandIn {
  return { id: `${from.name}-${to}`, from, to, policies: [], since: 0, until: Number.MAX_SAFE_INTEGER };
}

export const boss = person("boss");

export function ask(by: Policy, at: World, change: Partial<OpenCommand> = {}): Made {
  const subject = { type: "release", id: "shop@1", digest: "aa" };
  return open({ id: "r1", tenant: "default", subject, context: { size: 1 }, requester: boss, ...change }, by, at);
}

/** A vote on the digest of the request as it is. */
export function cast(approval: Approval, voter: Person, by: Policy, at: World, change: Partial<VoteCommand> = {}): Answer {
  return vote(approval, { voter, verdict: "approve", digest: approval.subject.digest, comment: "", ...change }, by, at);
}

/** The answer to a command that is expected to be carried out. */
export function made(answer: Answer): Made {
  expect(answer).not.toHaveProperty("refusal");
  return answer as Made;
}

/** The document after these votes, each of which counts. */
export function after(approval: Approval, votes: readonly (readonly [Person, Partial<VoteCommand>?])[], by: Policy, at: World): Approval {
  return votes.reduce((before, [voter, change]) => made(cast(before, voter, by, at, change)).approval, approval);
}

export function typesOf(events: readonly ApprovalEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

export function eventOf<T extends ApprovalEvent["type"]>(events: readonly ApprovalEvent[], type: T): Extract<ApprovalEvent, { type: T }> {
  const found = events.filter((event): event is Extract<ApprovalEvent, { type: T }> => event.type === type);
  expect(found).toHaveLength(1);
  return found[0] as Extract<ApprovalEvent, { type: T }>;
}

/** What Explain says of a requirement. */
export function explained(approval: Approval, id: string, by: Policy, at: World): ExplainedRequirement {
  const found = explain(approval, by.document, at).requirements.find((one) => one.id === id);
  if (!found) throw new Error(`no requirement ${id}`);
  return found;
}

/** The same value, which throws when somebody changes it. */
export function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}
