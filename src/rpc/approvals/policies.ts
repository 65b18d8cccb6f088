/** The RPCs about policies. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ActivatePolicyResponseSchema,
  ArchivePolicyResponseSchema,
  GetPolicyResponseSchema,
  ListPoliciesResponseSchema,
  PolicyFormat,
  PolicySeverity,
  PolicyStatus as WireStatus,
  PutPolicyResponseSchema,
  type ActivatePolicyRequest,
  type ActivatePolicyResponse,
  type ArchivePolicyRequest,
  type ArchivePolicyResponse,
  type GetPolicyRequest,
  type GetPolicyResponse,
  type ListPoliciesRequest,
  type ListPoliciesResponse,
  type PolicyProblemSchema,
  type PolicyVersionSchema,
  type PutPolicyRequest,
  type PutPolicyResponse,
} from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import {
  activatePolicy,
  archivePolicy,
  getPolicy,
  listPolicies,
  listVersions,
  putPolicy,
  type PolicyDeps,
  type PolicyPage,
} from "../../approvals/policy/policies.ts";
import type { PolicyStatus, PolicySummary } from "../../approvals/policy/policy-records.ts";
import type { Problem } from "../../documents/problems.ts";
import { callerOf } from "../platform/caller.ts";
import { violations, type Violations } from "../platform/check.ts";

const defaultPageSize = 50;
const maxPageSize = 500;
const statuses: Readonly<Record<PolicyStatus, WireStatus>> = WireStatus;

export async function putOne(deps: PolicyDeps, { document, validateOnly }: PutPolicyRequest, context: HandlerContext): Promise<PutPolicyResponse> {
  const { policy, isNew, problems } = await putPolicy(deps, { source: document, validateOnly }, callerOf(context));
  return create(PutPolicyResponseSchema, { ...(policy ? { policy: versionOf(policy) } : {}), created: isNew, problems: problems.map(problemOf) });
}

export async function activateOne(deps: PolicyDeps, request: ActivatePolicyRequest, context: HandlerContext): Promise<ActivatePolicyResponse> {
  const { policy, followed } = await activatePolicy(deps, { ...versionIn(request, 1), admitLive: request.admitLive ?? true }, callerOf(context));
  return create(ActivatePolicyResponseSchema, { policy: versionOf(policy), admittedExisting: followed });
}

export async function archiveOne(deps: PolicyDeps, request: ArchivePolicyRequest, context: HandlerContext): Promise<ArchivePolicyResponse> {
  const { policy, followed } = await archivePolicy(deps, { ...versionIn(request, 0), release: request.release }, callerOf(context));
  return create(ArchivePolicyResponseSchema, { policy: versionOf(policy), endedRequests: followed });
}

export async function getOne(deps: PolicyDeps, { key, version, format }: GetPolicyRequest, context: HandlerContext): Promise<GetPolicyResponse> {
  const bad = violations();
  checkKey(bad, key);
  checkVersion(bad, "version", version, 0);
  if (!Object.values<number>(PolicyFormat).includes(format)) bad.add("format", "must be a known format");
  bad.done();
  const policy = await getPolicy(deps, key, version, callerOf(context));
  const { policyJson, policyYaml } = await import("../../approvals/policy/render.ts");
  const document = format === PolicyFormat.JSON ? `${JSON.stringify(policyJson(policy.document), undefined, 2)}\n` : policyYaml(policy.document);
  return create(GetPolicyResponseSchema, { policy: versionOf(policy), document, source: policy.source });
}

export async function listSome(deps: PolicyDeps, { key, pageSize, pageToken }: ListPoliciesRequest, context: HandlerContext): Promise<ListPoliciesResponse> {
  const bad = violations();
  if (key !== "") checkKey(bad, key);
  if (pageSize < 0 || pageSize > maxPageSize) bad.add("page_size", `must be from 0 to ${maxPageSize}`);
  const isToken = key === "" ? pageToken.length <= 128 : /^[1-9]\d{0,9}$/.test(pageToken);
  if (pageToken !== "" && !isToken) bad.add("page_token", "is not a token of this server");
  bad.done();
  const limit = pageSize || defaultPageSize;
  const caller = callerOf(context);
  const page =
    key === ""
      ? await listPolicies(deps, pageToken, limit, caller)
      : await listVersions(deps, key, pageToken === "" ? undefined : Number(pageToken), limit, caller);
  return create(ListPoliciesResponseSchema, { policies: page.policies.map(versionOf), nextPageToken: tokenOf(page) });
}

function tokenOf({ next }: PolicyPage): string {
  if (next === undefined) return "";
  return "afterKey" in next ? next.afterKey : String(next.beforeVersion);
}

function versionIn({ key, version, expectedActive }: ActivatePolicyRequest | ArchivePolicyRequest, least: number) {
  const bad = violations();
  checkKey(bad, key);
  checkVersion(bad, "version", version, least);
  if (expectedActive !== undefined) checkVersion(bad, "expected_active", expectedActive, 0);
  bad.done();
  return { key, version, expectedActive };
}

function checkKey(bad: Violations, key: string): void {
  bad.ascii("key", key, 128, true);
}

function checkVersion(bad: Violations, field: string, version: number, least: number): void {
  if (version < least) bad.add(field, `must be ${least} or more`);
}

function versionOf(policy: PolicySummary): MessageInitShape<typeof PolicyVersionSchema> {
  const { key, version, status, digest, subject, created, activated, archived } = policy;
  return {
    key,
    version,
    status: statuses[status],
    digest,
    subjectType: subject,
    createdAt: timestampFromMs(created.at),
    createdBy: created.by,
    ...(activated ? { activatedAt: timestampFromMs(activated.at), activatedBy: activated.by } : {}),
    ...(archived ? { archivedAt: timestampFromMs(archived.at), archivedBy: archived.by } : {}),
  };
}

function problemOf({ severity, ...problem }: Problem): MessageInitShape<typeof PolicyProblemSchema> {
  return { ...problem, severity: severity === "error" ? PolicySeverity.ERROR : PolicySeverity.WARNING };
}
