/** Reading Apicurio's answers. */
import { type DomainError, refused, unavailable } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import type { Answer } from "./http.ts";

export function isOk({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** True when a resource does not exist; false for a 404 of a proxy or a wrong path. */
export function isMissing(answer: Answer): boolean {
  const names = ["GroupNotFoundException", "ArtifactNotFoundException", "VersionNotFoundException", "ContentNotFoundException"];
  return answer.status === 404 && names.includes(problemName(answer));
}

/** True when the resource to be created exists already. */
export function isTaken(answer: Answer): boolean {
  const names = ["GroupAlreadyExistsException", "ArtifactAlreadyExistsException", "VersionAlreadyExistsException"];
  return answer.status === 409 && names.includes(problemName(answer));
}

/** The error for any other answer. */
export function refusal(answer: Answer): DomainError {
  return refused("schema registry", problemText(answer));
}

/** A body as JSON; `unavailable` when it is not JSON, since then something other than the registry answered. */
export function parse<T>(body: Buffer): T {
  try {
    return JSON.parse(body.toString()) as T;
  } catch (error) {
    throw unavailable("schema registry", "an answer that is not JSON", error);
  }
}

/** The name of the problem that an error answer describes. */
function problemName(answer: Answer): string {
  const name = textOf(problemOf(answer), "name");
  return name !== undefined && /^[A-Za-z]{1,80}$/.test(name) ? name : `HTTP ${answer.status}`;
}

/**
 * A violated rule in the registry's own words, which name the differences; of another problem its name alone, since the texts
 * of those may hold anything.
 */
function problemText(answer: Answer): string {
  const name = problemName(answer);
  const detail = name === "RuleViolationException" ? textOf(problemOf(answer), "detail") : undefined;
  return detail === undefined ? name : `${name}: ${printable(detail, maxDetailLength)}`;
}

const maxDetailLength = 450;

/** Undefined when the body is no problem document: then something between us and the registry has answered. */
function problemOf({ body }: Answer): object | undefined {
  try {
    const problem: unknown = JSON.parse(body.toString());
    return typeof problem === "object" && problem !== null ? problem : undefined;
  } catch {
    return undefined;
  }
}

function textOf(problem: object | undefined, field: string): string | undefined {
  const value: unknown = problem && new Map<string, unknown>(Object.entries(problem)).get(field);
  return typeof value === "string" ? value : undefined;
}
