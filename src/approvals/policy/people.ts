/** Whom a policy names, and how many of them it needs. */
import type { Need, Who } from "../types.ts";
import { type Field, fieldsOf, itemsOf, reported, textOf } from "../../documents/fields.ts";
import type { Report } from "../../documents/problems.ts";
import { userOf } from "../who.ts";

/** Of one `who`, all lists together. */
const mostNames = 1_000;

/** Reads `who`; `expression` is called with the field of its `expr`. */
export function whoOf(field: Field, report: Report, expression: (field: Field) => string | undefined): Who | undefined {
  const fields = fieldsOf(field, ["users", "groups", "roles", "expr"], report);
  if (!fields) return undefined;
  const names = (name: "users" | "groups" | "roles") => namesOf(fields.at(name), name === "users", report);
  const [users, groups, roles] = [names("users"), names("groups"), names("roles")];
  const expr = fields.at("expr");
  const text = expr && expression(expr);
  const isGiven = ["users", "groups", "roles"].some((name) => hasItems(fields.at(name as "users")));
  if (!isGiven && expr === undefined) report(field, "it names nobody: give users, groups, roles or expr");
  if (users.length + groups.length + roles.length > mostNames) report(field, `it names more than ${mostNames}`);
  return { users, groups, roles, ...(text === undefined ? {} : { expr: text }) };
}

function hasItems(field: Field | undefined): boolean {
  return field?.tree.kind === "list" ? field.tree.items.length > 0 : field !== undefined;
}

function namesOf(field: Field | undefined, areUsers: boolean, report: Report): readonly string[] {
  const found = new Set<string>();
  for (const item of field ? itemsOf(field, report) : []) {
    const text = textOf(item, report);
    if (text === undefined) continue;
    const name = areUsers ? userOf(text) : text;
    const [, list] = (areUsers && /^(group|role):/.exec(text)) || [];
    if (list !== undefined) report(item, `it is no user: write it under ${list}s, without ${list}:`);
    if (name === undefined) report(item, "an alias has ASCII characters and no spaces: give the principal key (issuer|subject) instead");
    else if (found.has(name)) report(item, `${name} is there twice, and counts once`, "warning");
    else found.add(name);
  }
  return [...found];
}

/** The only people there can be, when they are known before anything is resolved. */
export function atMost(who: Who): number | undefined {
  return who.groups.length === 0 && who.roles.length === 0 && who.expr === undefined ? who.users.length : undefined;
}

/** A count, a share in percent, or all. */
export function needOf(field: Field, report: Report): Need | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  if (value === "all") return "all";
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) return reported(report, field, "it is a whole number, a whole percentage such as 50%, or all");
    return value >= 1 ? { count: value } : reported(report, field, `nobody would have to approve: it is at least 1, not ${value}`);
  }
  const [, digits] = (typeof value === "string" && /^(-?\d{1,9})\s*%$/.exec(value)) || [];
  if (digits === undefined) return reported(report, field, "it is a number of people, a whole percentage such as 50%, or all");
  const percent = Number(digits);
  if (percent <= 0) return reported(report, field, `nobody would have to approve: it is more than 0%, not ${percent}%`);
  return percent <= 100 ? { percent } : reported(report, field, `it can never be reached: it is at most 100%, not ${percent}%`);
}

export function needText(need: Need): string | number {
  if (need === "all") return "all";
  return "count" in need ? need.count : `${need.percent}%`;
}

/** The number of rejections that reject: a whole number from 1. */
export function vetoOf(field: Field, report: Report): number | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  return reported(report, field, "it is a whole number of rejections, at least 1");
}
