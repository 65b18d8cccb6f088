/** What a policy would make of a request, with votes that nobody has cast. */
import { Verdict } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { SimulatePolicyResponseSchema, type SimulatePolicyRequest, type SimulatePolicyResponse } from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import { Reason } from "../../../gen/muster/approval/v1/reasons_pb.ts";
import { printable } from "../../kernel/log.ts";
import { UsageError, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { nameOf } from "../frame/names.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { explanationText, lineOf, statePaint, stateText } from "./approval-view.ts";
import { contextOf } from "./change.ts";
import { subjectOf } from "./read.ts";

const verdicts: Readonly<Record<string, Verdict>> = {
  approve: Verdict.APPROVE,
  reject: Verdict.REJECT,
  abstain: Verdict.ABSTAIN,
  "request-changes": Verdict.REQUEST_CHANGES,
};

export const policySimulate: Run = async (input, terminal) => {
  const [policyText = "", about = ""] = input.args;
  const [type, id] = subjectOf("TYPE/ID", about, true);
  const votes = input.texts("vote").map(voteOf);
  const policy = policyOf(policyText, terminal);
  const contextJson = contextOf(input, terminal);
  const { policies, once } = connect(input, terminal);
  const subject = { type, id, digest: input.text("digest") ?? "" };
  const cast = votes.map(({ voter, verdict, groups }) => ({ voter, verdict, groups: [...groups] }));
  const answer = await policies.simulatePolicy({ policy, subject, contextJson, requester: input.text("requester") ?? "", votes: cast }, once());
  await show(input, terminal, jsonOf(SimulatePolicyResponseSchema, answer), () =>
    simulationText(answer, votes, styleFor(terminal.colour.out), columnsOf(terminal)),
  );
  return exitCodes.done.code;
};

/** A word that is `-`, has a slash or ends as files of policies do is a file; any other is a key. */
function policyOf(text: string, terminal: Terminal): SimulatePolicyRequest["policy"] {
  if (text !== "-" && !/\/|\.(ya?ml|json)$/.test(text)) return { case: "key", value: text };
  return { case: "document", value: fileText("KEY|FILE", text, terminal) };
}

interface SimulatedVote {
  readonly voter: string;
  readonly verdict: Verdict;
  readonly groups: readonly string[];
}

const voteForm = new RegExp(`^(.+?)=(${Object.keys(verdicts).join("|")})(?::(.+))?$`, "s");

/** `bob=approve`, `bob=approve:sre,leads`; keys and groups may have a `=`, too. */
export function voteOf(text: string): SimulatedVote {
  const [, voter, word = "", groups = ""] = voteForm.exec(text) ?? [];
  const verdict = verdicts[word];
  if (voter === undefined || verdict === undefined) {
    throw new UsageError([`--vote: "${text}" must be PERSON=VERDICT or PERSON=VERDICT:GROUP,…, with one of ${Object.keys(verdicts).join(", ")}`]);
  }
  return { voter, verdict, groups: groups.split(",").filter((group) => group !== "") };
}

function simulationText(
  { approval, explanation, votes, events }: SimulatePolicyResponse,
  cast: readonly SimulatedVote[],
  style: Style,
  columns?: number,
): string {
  const results = votes.map(({ counted, reason, message }, i) => {
    const voter = printable(cast[i]?.voter ?? "");
    if (counted) return `${style.good("✓")} ${voter}  counts\n`;
    return `${style.bad("✗")} ${voter}  ${lineOf(`${nameOf(Reason, reason)}: ${message}`, voter.length + 4, columns)}`;
  });
  const steps = events.map((event) => `  ${lineOf(event, 4, columns)}`);
  const state = approval ? `${style.dim("State")}  ${statePaint(approval, style)(stateText(approval))}\n` : "";
  return `${state}${explanation ? explanationText(explanation, style, columns) : ""}${section("Votes", results)}${section("Events", steps)}`;
}

function section(head: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `\n${head}\n${lines.join("")}`;
}
