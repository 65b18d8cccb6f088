/** The commands about policies that a server answers. */
import {
  ActivatePolicyResponseSchema,
  ArchivePolicyResponseSchema,
  GetPolicyResponseSchema,
  PolicyFormat,
  PolicySeverity,
  PolicyVersionSchema,
  PutPolicyResponseSchema,
  type PolicyVersion,
} from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { counted } from "../frame/numbers.ts";
import { documentText, jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";
import { findingLine, findingOf, policyTable, versionText } from "./policy-view.ts";

const pageSize = 500;

export const policyPut: Run = async (input, terminal) => {
  const [file = ""] = input.args;
  const validateOnly = input.on("dry-run");
  const { policies, once } = connect(input, terminal);
  const answer = await policies.putPolicy({ document: fileText("FILE", file, terminal), validateOnly }, once());
  const { policy, created, problems } = answer;
  for (const problem of problems) terminal.err(findingLine(findingOf(problem, file), styleFor(terminal.colour.err)));
  const outcome = validateOnly ? "is right" : created ? "stored" : "unchanged";
  await show(input, terminal, jsonOf(PutPolicyResponseSchema, answer), () => (policy ? `${versionText(policy)}: ${outcome}\n` : ""));
  return problems.some(({ severity }) => severity === PolicySeverity.ERROR) ? exitCodes.failed.code : exitCodes.done.code;
};

export const policyActivate: Run = async (input, terminal) => {
  const [key = "", version = ""] = input.args;
  const admitLive = input.on("no-admit-live") ? { admitLive: false } : {};
  const request = { key, version: versionOf("VERSION", version, 1), ...expectedIn(input), ...admitLive };
  const { policies, once } = connect(input, terminal);
  const answer = await policies.activatePolicy(request, once());
  await show(input, terminal, jsonOf(ActivatePolicyResponseSchema, answer), () => {
    const { policy, admittedExisting: count } = answer;
    const admitted = count === 0 ? "" : `${counted(count, false, "live registration")} ${count === 1 ? "is admitted as it is" : "are admitted as they are"}\n`;
    return lineOf(policy) + admitted;
  });
  return exitCodes.done.code;
};

export const policyArchive: Run = async (input, terminal) => {
  const [key = "", version] = input.args;
  const release = input.on("release");
  const request = { key, version: version === undefined ? 0 : versionOf("VERSION", version, 1), ...expectedIn(input), release };
  const { policies, once } = connect(input, terminal);
  const answer = await policies.archivePolicy(request, once());
  await show(input, terminal, jsonOf(ArchivePolicyResponseSchema, answer), () => {
    const { policy, endedRequests: count } = answer;
    const ended = count === 0 ? "" : `${counted(count, false, "request")} for approval ${release ? "released: what waits goes live" : "cancelled"}\n`;
    return lineOf(policy) + ended;
  });
  return exitCodes.done.code;
};

export const policyList: Run = async (input, terminal) => {
  const { policies, once } = connect(input, terminal);
  const [key = ""] = input.args;
  const found: PolicyVersion[] = [];
  let pageToken = "";
  do {
    const page = await policies.listPolicies({ key, pageToken, pageSize }, once());
    found.push(...page.policies);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const columns = terminal.isInteractive ? terminal.size().columns : undefined;
  const text = () => (found.length === 0 ? "No policies.\n" : policyTable(found, terminal.clock.now(), styleFor(terminal.colour.out), columns));
  await show(input, terminal, { policies: found.map((policy) => jsonOf(PolicyVersionSchema, policy)) }, text);
  return exitCodes.done.code;
};

export const policyShow: Run = async (input, terminal) => {
  const [key = ""] = input.args;
  const given = input.text("version");
  const version = given === undefined ? 0 : versionOf("--version", given, 1);
  const { policies, once } = connect(input, terminal);
  const answer = await policies.getPolicy({ key, version, format: PolicyFormat.YAML }, once());
  await show(input, terminal, jsonOf(GetPolicyResponseSchema, answer), () => documentText(input.on("source") ? answer.source : answer.document, terminal));
  return exitCodes.done.code;
};

function lineOf(policy: PolicyVersion | undefined): string {
  return policy ? `${versionText(policy)}\n` : "";
}

function expectedIn(input: Input): { readonly expectedActive?: number } {
  const text = input.text("expect");
  return text === undefined ? {} : { expectedActive: versionOf("--expect", text, 0) };
}

function versionOf(name: string, text: string, least: number): number {
  const version = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (version < least) throw new UsageError([`${name}: "${text}" must be a whole number from ${least}`]);
  return version;
}
