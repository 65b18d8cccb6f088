/** Reading Apicurio's answers. */
import { type DomainError, refused, unavailable } from "../../kernel/errors.ts";
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
  return refused("schema registry", problemName(answer));
}

/** A body as JSON; `unavailable` when it is not JSON, since then something other than the registry answered. */
export function parse<T>(body: Buffer): T {
  try {
    return JSON.parse(body.toString()) as T;
  } catch (error) {
    throw unavailable("schema registry", "an answer that is not JSON", error);
  }
}

/** The name of the problem that an error answer describes; its other texts may hold content. */
function problemName({ status, body }: Answer): string {
  try {
    const problem: unknown = JSON.parse(body.toString());
    if (typeof problem === "object" && problem !== null && "name" in problem) {
      const { name } = problem;
      if (typeof name === "string" && /^[A-Za-z]{1,80}$/.test(name)) return name;
    }
  } catch {
    // Not a problem document: something between us and the registry answered.
  }
  return `HTTP ${status}`;
}
