/** The file of sources, YAML or JSON: as sources, or everything that is wrong with it, by line and column. */
import { type Field, fieldsOf, booleanOf, itemsOf, nameOf, reported, required, rootField, secretTextOf, textOf } from "../../documents/fields.ts";
import { collectProblems, problemText, type Report } from "../../documents/problems.ts";
import { readTree } from "../../documents/tree.ts";
import { topicViolation } from "../../inbound/sns-message.ts";
import type { Source, SubjectPlace, Voter } from "../../inbound/types.ts";
import { claimsViolation, defaultTenant, tenantViolation } from "../../kernel/caller.ts";
import { DomainError } from "../../kernel/errors.ts";
import { secretViolation } from "../../kernel/signed-body.ts";
import { pointerOf } from "./pointer.ts";
import { pollOf } from "./poll.ts";

const sourceNames = ["name", "tenant", "secrets", "unsigned", "topics", "emulator", "poll", "approve", "reject", "subject", "voter"] as const;
const mostSources = 100;
const mostSecrets = 4;
const mostTopics = 20;
const mostTypes = 50;
const shown = 40;
/** The path of the health route. */
const reserved = "health";

export interface ParseOptions {
  /** The server can be reached from loopback alone: only then a source may go unsigned. */
  readonly isOnLoopback: boolean;
}

/** Throws one `invalid` error with every problem. Secrets are in none of them. */
export function parseSources(text: string, options: ParseOptions): readonly Source[] {
  const problems = collectProblems();
  const { report } = problems;
  const tree = readTree(text, problems);
  const top = tree && fieldsOf(rootField(tree), ["sources"], report);
  const list = top && required(top, "sources", report);
  const items = list ? itemsOf(list, report) : [];
  if (list && items.length === 0) report(list, "it has no source");
  if (list && items.length > mostSources) report(list, `it has more than ${mostSources} sources`);
  const seen = new Set<string>();
  const sources = items.slice(0, mostSources).flatMap((item) => sourceOf(item, seen, options, report) ?? []);
  const found = problems.sorted();
  if (found.length === 0) return sources;
  const more = found.length > shown ? `; and ${found.length - shown} more` : "";
  throw new DomainError({
    kind: "invalid",
    reason: "INVALID_FIELDS",
    message: `the file of sources is not valid: ${found.slice(0, shown).map(problemText).join("; ")}${more}`,
    fields: found.map((problem) => ({ field: problem.path || "(file)", description: problemText({ ...problem, path: "" }) })),
  });
}

function sourceOf(item: Field, seen: Set<string>, { isOnLoopback }: ParseOptions, report: Report): Source | undefined {
  const fields = fieldsOf(item, sourceNames, report);
  if (!fields) return undefined;
  const nameField = required(fields, "name", report);
  const name = nameField && nameOf(nameField, report);
  if (nameField && name === reserved) report(nameField, "the name health is taken by the health route");
  if (nameField && name !== undefined && seen.has(name)) report(nameField, `the name ${name} is there twice`);
  if (name !== undefined) seen.add(name);
  const tenantField = fields.at("tenant");
  const tenant = tenantField ? textOf(tenantField, report) : defaultTenant;
  if (tenantField && tenant !== undefined && tenantViolation(tenant) !== undefined) report(tenantField, `it ${tenantViolation(tenant)}`);
  const [secretsField, unsignedField, topicsField] = [fields.at("secrets"), fields.at("unsigned"), fields.at("topics")];
  const isUnsigned = unsignedField !== undefined && booleanOf(unsignedField, report) === true;
  const secrets = secretsField ? secretsOf(secretsField, report) : [];
  const [, second] = [secretsField, topicsField, isUnsigned ? unsignedField : undefined].filter((field) => field !== undefined);
  if (second) report(second, "a source has one of secrets, topics and unsigned");
  if (isUnsigned && !isOnLoopback) report(unsignedField, "a source may be unsigned only where the server listens on loopback");
  const topics = topicsField ? topicsOf(topicsField, report) : [];
  const emulatorField = fields.at("emulator");
  const emulator = emulatorField && emulatorOf(emulatorField, isOnLoopback && topicsField !== undefined, report);
  const pollField = fields.at("poll");
  const poll = pollField && pollOf(pollField, report);
  if (!isUnsigned && !secretsField && !topicsField && !pollField)
    report(fields, "secrets, topics or poll is required: what signs the events of the source, or where they are read");
  const [approveField, rejectField] = [fields.at("approve"), fields.at("reject")];
  const approve = approveField ? typesOf(approveField, report) : [];
  const reject = rejectField ? typesOf(rejectField, report) : [];
  if (!approveField && !rejectField) report(fields, "approve or reject is required: the types of events that decide");
  const subjectField = required(fields, "subject", report);
  const subject = subjectField && subjectOf(subjectField, report);
  const voterField = required(fields, "voter", report);
  const voter = voterField && voterOf(voterField, report);
  if (name === undefined || tenant === undefined || !subject || !voter) return undefined;
  return { name, tenant, secrets, isUnsigned, topics, emulator, poll, approve, reject, subject, voter };
}

function secretsOf(field: Field, report: Report): readonly string[] {
  const items = itemsOf(field, report);
  if (items.length === 0 || items.length > mostSecrets) report(field, `there are 1 to ${mostSecrets}: the newest, and former ones while they are replaced`);
  return items.slice(0, mostSecrets).flatMap((item) => {
    const value = secretTextOf(item, report);
    const violation = value === undefined ? undefined : secretViolation(value);
    return violation === undefined ? (value ?? []) : (reported(report, item, `a secret ${violation}`) ?? []);
  });
}

function topicsOf(field: Field, report: Report): readonly string[] {
  const items = itemsOf(field, report);
  if (items.length === 0 || items.length > mostTopics) report(field, `there are 1 to ${mostTopics} topics`);
  return items.slice(0, mostTopics).flatMap((item) => {
    const topic = textOf(item, report, 512);
    const violation = topic === undefined ? undefined : topicViolation(topic);
    return violation === undefined ? (topic ?? []) : (reported(report, item, `it ${violation}`) ?? []);
  });
}

/** Whoever serves at an emulator's address signs what he likes. */
function emulatorOf(field: Field, mayBe: boolean, report: Report): string | undefined {
  const text = textOf(field, report);
  if (text !== undefined && !/^http:\/\/(127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}$/.test(text))
    return reported(report, field, "it is the address of an emulator of SNS on this machine, such as http://127.0.0.1:5000");
  return mayBe ? text : reported(report, field, "only a source with topics has an emulator, and only where the server listens on loopback");
}

function typesOf(field: Field, report: Report): readonly string[] {
  const items = itemsOf(field, report);
  if (items.length === 0 || items.length > mostTypes) report(field, `there are 1 to ${mostTypes} types`);
  return items.slice(0, mostTypes).flatMap((item) => {
    const type = textOf(item, report, 128);
    if (type !== undefined && (!/^[\x21-\x7e]+$/.test(type) || type.split("*").length > 2))
      return reported(report, item, "it is a type, in which one * stands for any text") ?? [];
    return type ?? [];
  });
}

function subjectOf(field: Field, report: Report): SubjectPlace | undefined {
  const fields = fieldsOf(field, ["approval", "type", "id"], report);
  if (!fields) return undefined;
  const [approval, type, id] = [fields.at("approval"), fields.at("type"), fields.at("id")];
  if (approval ? type !== undefined || id !== undefined : !type || !id) {
    return reported(report, field, "it is {approval: POINTER}, or {type: TYPE, id: POINTER}");
  }
  if (approval) {
    const pointer = pointerOf(approval, report);
    return pointer === undefined ? undefined : { approval: pointer };
  }
  const [typeName, pointer] = [type && nameOf(type, report, 128), id && pointerOf(id, report)];
  return typeName === undefined || pointer === undefined ? undefined : { type: typeName, id: pointer };
}

function voterOf(field: Field, report: Report): Voter | undefined {
  const fields = fieldsOf(field, ["key", "groups", "roles"], report);
  const keyField = fields && required(fields, "key", report);
  const key = keyField && textOf(keyField, report, 255);
  if (!fields || !keyField || key === undefined) return undefined;
  if (!/^[^|\s]+\|\S(.*\S)?$/.test(key)) return reported(report, keyField, "it is the key of a principal, ISSUER|SUBJECT, such as service|entity-permissions");
  return { key, groups: namesIn(fields.at("groups"), report), roles: namesIn(fields.at("roles"), report) };
}

function namesIn(field: Field | undefined, report: Report): readonly string[] {
  if (!field) return [];
  const names = itemsOf(field, report).map(({ tree }) => (tree.kind === "scalar" ? tree.value : undefined));
  const violation = claimsViolation(names);
  if (violation === undefined) return names as readonly string[];
  return reported(report, field, `it ${violation}`) ?? [];
}
