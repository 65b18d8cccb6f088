/** From the text of a policy to the document with its defaults written out, or to everything that is wrong with it. Pure. */
import type { JsonObject } from "../../kernel/json.ts";
import { type PolicyDocument, type Verdict, verdicts, type Who } from "../types.ts";
import { isObject, schemaProblems } from "./context-schema.ts";
import { createExpressions } from "./expressions-of-text.ts";
import {
  booleanOf,
  durationOf,
  type Field,
  type Fields,
  fieldAt,
  fieldsOf,
  itemsOf,
  jsonOf,
  nameOf,
  oneOf,
  required,
  rootField,
} from "../../documents/fields.ts";
import { reservedNames } from "./expressions.ts";
import { collectProblems, type Problem } from "../../documents/problems.ts";
import { lintReach } from "./reach.ts";
import { expressionsOf } from "./policy.ts";
import { registrationContext, registrationPolicy } from "./registrations.ts";
import { type Reading, routeOf, stagesOf, whoIn } from "./rules.ts";
import { shapeOf } from "./shapes.ts";
import { readTree } from "../../documents/tree.ts";

export interface ParseOptions {
  /** Whether the members of groups and roles can be listed; false where they are only known from credentials. */
  readonly isEnumerable: boolean;
}

export type Parsed =
  | { readonly document: PolicyDocument; readonly problems: readonly Problem[] }
  /** With at least one error. */
  | { readonly document: undefined; readonly problems: readonly Problem[] };

const names = [
  "key",
  "subject",
  "context",
  "ttl",
  "route",
  "stages",
  "on_unsatisfiable",
  "on_expire",
  "distinct_people",
  "requester_may_vote",
  "reauth",
  "reason_required",
  "effect",
] as const;

type Top = Fields<(typeof names)[number]>;

/** Reads YAML or JSON. Never throws, whatever the text. Warnings may come with a document. */
export function parsePolicy(text: string, { isEnumerable }: ParseOptions): Parsed {
  const problems = collectProblems();
  const tree = readTree(text, problems);
  const top = tree && fieldsOf(rootField(tree), names, problems.report);
  const document = top && documentOf(top, problems.report, isEnumerable);
  return { document: problems.hasErrors() ? undefined : document, problems: problems.sorted() };
}

function documentOf(top: Top, report: Reading["report"], isEnumerable: boolean): PolicyDocument {
  const given = top.at("context");
  const key = required(top, "key", report);
  const subject = required(top, "subject", report);
  const isOfRegistrations = key?.tree.kind === "scalar" && key.tree.value === registrationPolicy;
  const context = given ? contextOf(given, report) : isOfRegistrations ? registrationContext : undefined;
  const reading: Reading = { report, isEnumerable, ...createExpressions(context, report) };
  const ttl = required(top, "ttl", report, "it is required: say how long a request may be open, such as 7d");
  const route = top.at("route");
  const stages = top.at("stages");
  const [mayVote, reasons, reauth] = [top.at("requester_may_vote"), top.at("reason_required"), top.at("reauth")];
  const reauthMs = reauth && durationOf(reauth, report);
  const document: PolicyDocument = {
    key: (key && nameOf(key, report, 128)) ?? "",
    subject: (subject && nameOf(subject, report, 128)) ?? "",
    ...(context ? { context } : {}),
    ttlMs: (ttl && durationOf(ttl, report)) ?? 1,
    route: route ? routeOf(route, reading) : [],
    stages: stages ? stagesOf(stages, reading) : [],
    onUnsatisfiable: unsatisfiableOf(top.at("on_unsatisfiable"), reading),
    onExpire: choice(top.at("on_expire"), ["expire", "reject", "approve"], report) ?? "expire",
    distinctPeople: choice(top.at("distinct_people"), ["stage", "request", "requirement"], report) ?? "stage",
    requesterMayVote: (mayVote && booleanOf(mayVote, report)) ?? false,
    ...(reauthMs === undefined ? {} : { reauthMs }),
    reasonRequired: reasons ? verdictsOf(reasons, report) : ["reject"],
    effect: effectOf(top.at("effect"), report),
  };
  if (isOfRegistrations) lintRegistrations(document, key, subject, report);
  const onExpire = top.at("on_expire");
  if (onExpire && document.onExpire === "approve") report(onExpire, "what nobody decided is approved when its time is over", "warning");
  lintReach(document, { top, route, stages, constant: reading.constant, report });
  return document;
}

/** The policy by which registrations are decided. */
function lintRegistrations(document: PolicyDocument, key: Field, subject: Field | undefined, report: Reading["report"]): void {
  if (subject && document.subject !== registrationPolicy) report(subject, `the policy ${registrationPolicy} is for subjects of type ${registrationPolicy}`);
  const isVersionRead = expressionsOf(document).some((expression) => /\bversion\b/.test(expression));
  if (!isVersionRead)
    report(key, 'all contents that are registered without a version share one approval: a route for version == "" decides on them', "warning");
}

function choice<const T extends string>(field: Field | undefined, values: readonly T[], report: Reading["report"]): T | undefined {
  return field && oneOf(field, values, report);
}

function contextOf(field: Field, report: Reading["report"]): JsonObject | undefined {
  const schema = jsonOf(field, report);
  if (!isObject(schema)) {
    report(field, "it is a JSON Schema: an object");
    return undefined;
  }
  for (const { keys, message, severity } of schemaProblems(schema)) report(fieldAt(field, keys), message, severity);
  for (const name of reservedNames) {
    if (shapeOf(schema).names.includes(name)) report(field, `expressions see something else as ${name}: write context.${name} for the member`, "warning");
  }
  return schema;
}

function unsatisfiableOf(field: Field | undefined, reading: Reading): PolicyDocument["onUnsatisfiable"] {
  const { report } = reading;
  if (!field) return "reject";
  if (field.tree.kind !== "map") {
    if (field.tree.kind === "scalar" && field.tree.value === "escalate") report(field, "escalate needs whom: write {escalate: {groups: [...]}}");
    else if (field.tree.kind === "scalar" && field.tree.value === "approve")
      report(field, "what nobody can decide is never approved: it is reject, expire or {escalate: who}");
    else return oneOf(field, ["reject", "expire"], report) ?? "reject";
    return "reject";
  }
  const fields = fieldsOf(field, ["escalate"], report);
  const to = fields && required(fields, "escalate", report);
  const escalate: Who | undefined = to && whoIn(to, reading);
  return escalate ? { escalate } : "reject";
}

function verdictsOf(field: Field, report: Reading["report"]): readonly Verdict[] {
  const given = itemsOf(field, report).flatMap((item) => oneOf(item, verdicts, report) ?? []);
  return verdicts.filter((verdict) => given.includes(verdict));
}

function effectOf(field: Field | undefined, report: Reading["report"]): PolicyDocument["effect"] {
  const fields = field && fieldsOf(field, ["auto", "grant_ttl"], report);
  const auto = fields?.at("auto");
  const ttl = fields?.at("grant_ttl");
  const grantTtlMs = ttl && durationOf(ttl, report);
  return { auto: (auto && booleanOf(auto, report)) ?? true, ...(grantTtlMs === undefined ? {} : { grantTtlMs }) };
}
