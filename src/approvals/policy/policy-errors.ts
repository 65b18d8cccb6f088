/** What calls about policies fail with. */
import { DomainError } from "../../kernel/errors.ts";
import type { PolicySummary } from "./policy-records.ts";
import { type Problem, problemText } from "../../documents/problems.ts";

/** `version` 0: there is no policy with this key at all. */
export function notFound(key: string, version: number): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: version === 0 ? "POLICY_NOT_FOUND" : "POLICY_VERSION_NOT_FOUND",
    message: version === 0 ? `there is no policy ${key}` : `the policy ${key} has no version ${version}`,
    subject: { type: "policy", name: key },
    metadata: { policy: key, ...(version === 0 ? {} : { version: String(version) }) },
  });
}

/** Fields are the errors, each with its place in the text; metadata has their number and the first place. */
export function policyInvalid(problems: readonly Problem[]): DomainError {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const more = errors.length - 1;
  return new DomainError({
    kind: "invalid",
    reason: "POLICY_INVALID",
    message: `the policy has errors: ${first ? problemText(first) : "it cannot be read"}${more > 0 ? `, and ${more} more` : ""}`,
    metadata: { errors: String(errors.length), line: String(first?.line ?? 1), column: String(first?.column ?? 1) },
    fields: errors.map((problem) => ({ field: problem.path, description: `${problem.message} (line ${problem.line}, column ${problem.column})` })),
  });
}

export function activeDiffers(key: string, expected: number, active: number): DomainError {
  const named = (version: number) => (version === 0 ? "no version" : `version ${version}`);
  return new DomainError({
    kind: "conflict",
    reason: "POLICY_ACTIVE_DIFFERS",
    message: `${named(active)} of the policy ${key} is active, not ${expected === 0 ? "none" : named(expected)}`,
    metadata: { policy: key, active: String(active), expected: String(expected) },
    isLasting: true,
  });
}

export function archived({ key, version }: PolicySummary): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "POLICY_ARCHIVED",
    message: `version ${version} of the policy ${key} is archived: put its document again`,
    subject: { type: "policy", name: key },
    metadata: { policy: key, version: String(version) },
  });
}
