/**
 * The directory file: people with their names, groups and roles, and the limits of stand-ins; YAML or JSON. Every problem is
 * reported at once, each with its field, and with its line where the file is small.
 */
import { DomainError, type FieldViolation } from "../../kernel/errors.ts";
import { defaultTenant } from "../../kernel/caller.ts";
import type { DirectoryDocument } from "../../approvals/directory/records.ts";
import type { DirectoryDocuments } from "../../approvals/directory/source.ts";
import type { Member } from "../../approvals/types.ts";
import { isObject, unknownKey, type Bad } from "./fields.ts";
import { personOf, type ListedPerson } from "./person.ts";
import { readText } from "./text.ts";

const fileKeys = ["people", "stand_ins"] as const;
const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const maxStandInMs = 366 * units.d;
const shownProblems = 40;

/** The documents by tenant. Throws one `invalid` error with every problem. */
export function parseDirectoryFile(text: string): DirectoryDocuments {
  const problems: FieldViolation[] = [];
  const { value, lineOf } = readText(text, problems);
  const bad = (path: readonly (string | number)[], description: string): void => {
    const line = lineOf(path);
    problems.push({ field: nameOf(path), description: line === undefined ? description : `${description} (line ${line})` });
  };
  if (problems.length > 0) throw invalid(problems);
  const file = isObject(value) ? value : undefined;
  if (!file) bad([], "must have the keys people and, if there are limits, stand_ins");
  for (const key of Object.keys(file ?? {})) if (!fileKeys.some((known) => known === key)) bad([key], unknownKey(key, fileKeys));
  const standInMaxMs = file && standInLimit(file["stand_ins"], bad);
  const people = file && peopleOf(file["people"], bad);
  if (problems.length > 0 || !people) throw invalid(problems);
  return documentsOf(people, standInMaxMs);
}

function standInLimit(value: unknown, bad: Bad): number | undefined {
  if (value === undefined) return undefined;
  const max = isObject(value) && Object.keys(value).join() === "max" ? value["max"] : undefined;
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(typeof max === "string" ? max : "") ?? [];
  const ms = Number(count) * units[(unit ?? "s") as keyof typeof units];
  if (ms > 0 && ms <= maxStandInMs) return ms;
  bad(["stand_ins"], "must be {max: DURATION}, such as 30d or 12h, at most 366d");
  return undefined;
}

function peopleOf(value: unknown, bad: Bad): readonly ListedPerson[] {
  if (!Array.isArray(value) || value.length === 0) {
    bad(["people"], "must be a list of at least one person");
    return [];
  }
  const people = value.map((person: unknown, index) => personOf(person, index, bad)).filter((person) => person !== undefined);
  for (const inTenant of Map.groupBy(people, ({ tenant }) => tenant).values()) refuseSharedNames(inTenant, bad);
  return people;
}

/** In one tenant a key, login or address is that of one person. */
function refuseSharedNames(people: readonly ListedPerson[], bad: Bad): void {
  const owners = new Map<string, ListedPerson>();
  for (const person of people) {
    for (const { name, path } of person.names) {
      const owner = owners.get(name) ?? person;
      if (owner !== person) bad(path, `"${name}" is a name of people[${owner.index}], too`);
      owners.set(name, owner);
    }
  }
}

function documentsOf(people: readonly ListedPerson[], standInMaxMs: number | undefined): DirectoryDocuments {
  const limit = standInMaxMs === undefined ? {} : { standInMaxMs };
  const documents = new Map<string, DirectoryDocument>([[defaultTenant, { members: [], ...limit }]]);
  for (const [tenant, listed] of Map.groupBy(people, (person) => person.tenant)) {
    documents.set(tenant, { members: inOrder(listed.map(({ member }) => member)), ...limit });
  }
  return documents;
}

function inOrder(members: readonly Member[]): readonly Member[] {
  return members.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function nameOf(path: readonly (string | number)[]): string {
  if (path.length === 0) return "(file)";
  return path.map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`)).join("");
}

function invalid(fields: readonly FieldViolation[]): DomainError {
  const more = fields.length > shownProblems ? `; and ${fields.length - shownProblems} more` : "";
  const shown = fields.slice(0, shownProblems).map(({ field, description }) => `${field} ${description}`);
  return new DomainError({ kind: "invalid", reason: "INVALID_FIELDS", message: `the directory file is not valid: ${shown.join("; ")}${more}`, fields });
}
