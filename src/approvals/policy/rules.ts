/** Reading the rules of a policy: routes, stages, their requirements and timed actions. */
import type { RequirementRule, RouteRule, StageRule, TimedAction, Who } from "../types.ts";
import { type Field, type Fields, durationOf, fieldsOf, itemsOf, nameOf, oneOf, required, textOf } from "../../documents/fields.ts";
import { atMost, needOf, needText, vetoOf, whoOf } from "./people.ts";
import type { Report } from "../../documents/problems.ts";

export interface Reading {
  readonly report: Report;
  /** Whether it can be found out who the members of groups and roles are. */
  readonly isEnumerable: boolean;
  /** Reads an expression: its text; undefined when it is none. */
  condition(field: Field): string | undefined;
  peopleExpression(field: Field): string | undefined;
  /** Whether the expression is the same for every request. */
  constant(expression: string): boolean | undefined;
}

const mostRules = 100;

export function whoIn(field: Field, reading: Reading): Who | undefined {
  return whoOf(field, reading.report, reading.peopleExpression);
}

function limited(field: Field, reading: Reading): readonly Field[] {
  const items = itemsOf(field, reading.report);
  if (items.length > mostRules) reading.report(field, `it has more than ${mostRules} items`);
  return items.slice(0, mostRules);
}

/** Reads each item's `id`, of which there are no two alike. */
function idReader(reading: Reading): (fields: Fields<"id">) => string {
  const seen = new Set<string>();
  return (fields) => {
    const field = required(fields, "id", reading.report);
    const id = field && nameOf(field, reading.report);
    if (field && id !== undefined && seen.has(id)) reading.report(field, `the id ${id} is there twice`);
    if (id !== undefined) seen.add(id);
    return id ?? "";
  };
}

function conditionIn(fields: Fields<"when">, reading: Reading): string | undefined {
  const field = fields.at("when");
  return field && reading.condition(field);
}

export function routeOf(field: Field, reading: Reading): readonly RouteRule[] {
  const idOf = idReader(reading);
  const { report } = reading;
  return limited(field, reading).flatMap((item): readonly RouteRule[] => {
    const fields = fieldsOf(item, ["id", "when", "then", "reason"], report);
    if (!fields) return [];
    const id = idOf(fields);
    required(fields, "when", report);
    const when = conditionIn(fields, reading) ?? "";
    const decision = required(fields, "then", report);
    const then = (decision && oneOf(decision, ["approve", "reject"], report)) ?? "reject";
    const why = fields.at("reason");
    const reason = why && textOf(why, report, 1_000);
    return [{ id, when, then, ...(reason === undefined ? {} : { reason }) }];
  });
}

export function stagesOf(field: Field, reading: Reading): readonly StageRule[] {
  const idOf = idReader(reading);
  const { report } = reading;
  return limited(field, reading).flatMap((item): readonly StageRule[] => {
    const fields = fieldsOf(item, ["id", "when", "requirements", "after"], report);
    if (!fields) return [];
    const id = idOf(fields);
    const when = conditionIn(fields, reading);
    const given = required(fields, "requirements", report, "it is required: without it nobody would have to approve");
    const requirements = given ? requirementsOf(given, reading) : [];
    const after = fields.at("after");
    return [
      { id, ...(when === undefined ? {} : { when }), requirements, after: after ? limited(after, reading).flatMap((each) => actionOf(each, reading)) : [] },
    ];
  });
}

function requirementsOf(field: Field, reading: Reading): readonly RequirementRule[] {
  const idOf = idReader(reading);
  if (field.tree.kind === "list" && field.tree.items.length === 0) reading.report(field, "it is empty: nobody would have to approve");
  return limited(field, reading).flatMap((item) => requirementOf(item, reading, idOf));
}

function requirementOf(item: Field, reading: Reading, idOf: (fields: Fields<"id">) => string): readonly RequirementRule[] {
  const { report } = reading;
  const fields = fieldsOf(item, ["id", "when", "who", "need", "veto"], report);
  if (!fields) return [];
  const id = idOf(fields);
  const when = conditionIn(fields, reading);
  const people = required(fields, "who", report);
  const who = (people && whoIn(people, reading)) ?? { users: [], groups: [], roles: [] };
  const amount = required(fields, "need", report, "it is required: say how many must approve, such as 1, 50% or all");
  const need = amount && needOf(amount, report);
  const vetoes = fields.at("veto");
  const veto = (vetoes && vetoOf(vetoes, report)) ?? 1;
  const most = people && atMost(who);
  if (amount && need && typeof need === "object" && "count" in need && most !== undefined && most > 0 && need.count > most) {
    report(amount, `it can never be reached: ${need.count} must approve, and who names ${most}`);
  }
  if (vetoes && most !== undefined && most > 0 && veto > most) report(vetoes, `it can never be reached: who names ${most}`);
  if (amount && need && !reading.isEnumerable && most === undefined && (need === "all" || "percent" in need)) {
    report(amount, `${needText(need)} of whom is unknown: the members of groups and roles are only known from credentials here; give a number`);
  }
  if (when !== undefined && reading.constant(when) === false) report(fields.at("when") ?? fields, "it is never true: the requirement never applies");
  return [{ id, ...(when === undefined ? {} : { when }), who, need: need ?? "all", veto }];
}

function actionOf(item: Field, reading: Reading): readonly TimedAction[] {
  const { report } = reading;
  const fields = fieldsOf(item, ["in", "do", "to"], report);
  if (!fields) return [];
  const delay = required(fields, "in", report);
  const afterMs = (delay && durationOf(delay, report)) ?? 1;
  const what = required(fields, "do", report);
  const action = (what && oneOf(what, ["remind", "escalate", "reject"], report)) ?? "remind";
  const to = fields.at("to");
  if (action !== "escalate") {
    if (to && what) report(to, `${action} has no to; only escalate has`);
    return [{ afterMs, do: action }];
  }
  if (!to) report(fields, "escalate needs to: say whom");
  const who = to && whoIn(to, reading);
  return who ? [{ afterMs, do: "escalate", to: who }] : [];
}
