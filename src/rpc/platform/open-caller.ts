/**
 * Callers in open mode. Nothing is proved there: a caller is who its metadata says, `muster-principal`, with the groups and
 * policy roles of `muster-groups` and `muster-roles` (names with commas between), and may call every method.
 */
import { claimsViolation, principalOf, principalViolation, roles, type Principal } from "../../kernel/caller.ts";
import { DomainError, type FieldViolation } from "../../kernel/errors.ts";
import type { Credentials } from "./credentials.ts";

const anonymous = principalOf("open", "anonymous", roles);
// Header fields are bytes: other characters would come out as different ones.
const ascii = /^[\u0020-\u007e]*$/;

/** The principal of a call: `open|anonymous` when it does not say who it is, or an error of kind `invalid` with every bad field. */
export function openCaller(credentials: Credentials): Principal | DomainError {
  const { "muster-principal": principal, "muster-groups": groups, "muster-roles": claimed } = credentials;
  if (principal === undefined && groups === undefined && claimed === undefined) return anonymous;
  const problems: FieldViolation[] = [];
  const name = textOf(principal);
  const nameProblem = principal === undefined ? "is needed with muster-groups and muster-roles" : principalViolation(name);
  if (nameProblem !== undefined) problems.push({ field: "muster-principal", description: nameProblem });
  const claims = { groups: namesOf("muster-groups", groups, problems), claimedRoles: namesOf("muster-roles", claimed, problems) };
  if (problems.length === 0) return principalOf("open", name, roles, claims);
  return new DomainError({
    kind: "invalid",
    reason: "INVALID_FIELDS",
    message: `the call's metadata is not valid: ${problems.map(({ field, description }) => `${field} ${description}`).join("; ")}`,
    fields: problems,
  });
}

function namesOf(field: string, value: string | readonly string[] | undefined, problems: FieldViolation[]): readonly string[] {
  const text = textOf(value);
  if (text.trim() === "") return [];
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  const description = ascii.test(text) ? claimsViolation(names) : "must be ASCII";
  if (description !== undefined) problems.push({ field, description });
  return names;
}

function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === "string" ? value : (value ?? []).join(",");
}
