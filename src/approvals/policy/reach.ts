/** What no request can reach, and what none can leave, in a policy that is otherwise well formed. */
import { assign } from "../matching.ts";
import type { PolicyDocument, RequirementRule, StageRule } from "../types.ts";
import type { Field } from "../../documents/fields.ts";
import { atMost } from "./people.ts";
import type { Report } from "../../documents/problems.ts";

export interface Reach {
  readonly top: Field;
  readonly route: Field | undefined;
  readonly stages: Field | undefined;
  constant(expression: string): boolean | undefined;
  readonly report: Report;
}

/** `document` is as far as it could be read; the fields are where it was read from. */
export function lintReach(document: PolicyDocument, { top, route, stages, constant, report }: Reach): void {
  const always = document.route.findIndex(({ when }) => constant(when) === true);
  for (const [index, { when }] of document.route.entries()) {
    const field = itemOf(route, index);
    if (!field) continue;
    if (always >= 0 && index > always) report(field, `no request reaches it: the rule ${document.route[always]?.id} holds for every request`);
    else if (constant(when) === false && whenOf(field)) report(whenOf(field) ?? field, "it is never true: the rule never holds", "warning");
  }
  if (always < 0 && (stages === undefined || isEmptyList(stages))) {
    report(stages ?? top, "no stages, and no route rule that holds for every request: nobody would have to approve");
  }
  const depends = (when: string | undefined) => when !== undefined && constant(when) === undefined;
  const maySkip = ({ when, requirements }: StageRule) => depends(when) || (requirements.length > 0 && requirements.every((each) => depends(each.when)));
  if (always < 0 && stages && document.stages.length > 0 && document.stages.every(maySkip)) {
    report(stages, "every stage has a condition: a request to which none applies is rejected; a route rule could say what becomes of it", "warning");
  }
  for (const [index, stage] of document.stages.entries()) {
    const field = itemOf(stages, index);
    if (!field) continue;
    if (always >= 0) report(field, `no request reaches it: the route rule ${document.route[always]?.id} holds for every request`);
    else if (stage.when !== undefined && constant(stage.when) === false) report(whenOf(field) ?? field, "it is never true: no request reaches the stage");
    for (const { afterMs } of stage.after)
      if (afterMs >= document.ttlMs && document.ttlMs > 1) report(field, "a timed action comes after the request has expired: in is not below ttl", "warning");
    if (document.distinctPeople === "stage") lintPeople(stage.requirements, document, field, report);
  }
  const unconditional = document.stages.filter(({ when }) => when === undefined).flatMap(({ requirements }) => requirements);
  if (document.distinctPeople === "request" && stages) lintPeople(unconditional, document, stages, report);
}

/** So many users are assigned to requirements; with more nothing is said. */
const mostUsers = 300;

/** Named users of requirements that all apply must be enough for all of them, where each counts once. */
function lintPeople(requirements: readonly RequirementRule[], { distinctPeople }: PolicyDocument, field: Field, report: Report): void {
  const fixed = requirements.flatMap(({ when, who, need }) => {
    const isFixed = when === undefined && atMost(who) !== undefined && need !== "all" && "count" in need;
    return isFixed ? [{ users: who.users, count: need.count }] : [];
  });
  const users = [...new Set(fixed.flatMap((each) => each.users))];
  // What one alone cannot reach is reported where it is.
  if (users.length > mostUsers || fixed.some((each) => each.count > each.users.length)) return;
  const choices = users.map((user) => [...fixed.keys()].filter((index) => fixed[index]?.users.includes(user)));
  const seated = assign(
    choices,
    fixed.map(({ count }) => count),
  );
  if (seated.every((people, index) => people === fixed[index]?.count)) return;
  const needed = fixed.reduce((sum, { count }) => sum + count, 0);
  report(
    field,
    `its requirements can never all be met by different people: they need ${needed}, and the users named do not suffice (distinct_people: ${distinctPeople})`,
  );
}

function isEmptyList({ tree }: Field): boolean {
  return tree.kind === "list" && tree.items.length === 0;
}

/** Only while the list was read item by item: then they stand at the same index. */
function itemOf(field: Field | undefined, index: number): Field | undefined {
  const tree = field?.tree.kind === "list" ? field.tree.items[index] : undefined;
  return tree && field && { tree, path: `${field.path}[${index}]`, place: tree.place };
}

function whenOf({ tree, path }: Field): Field | undefined {
  const when = tree.kind === "map" ? tree.entries.get("when")?.value : undefined;
  return when && { tree: when, path: `${path}.when`, place: when.place };
}
