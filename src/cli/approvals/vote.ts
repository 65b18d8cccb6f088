/** Votes: on one request or many, each with a line of its own. */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { Verdict, VoteResponseSchema, VoteResultSchema, type VoteResult } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason } from "../../../gen/muster/approval/v1/reasons_pb.ts";
import { printable } from "../../kernel/log.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes, type ExitCode } from "../frame/exit-codes.ts";
import { failureOf } from "../frame/failure.ts";
import { fileText } from "../frame/file-text.ts";
import { nameOf } from "../frame/names.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { lineOf, stateText, waitsFor } from "./approval-view.ts";

const maxItems = 100;

/** A command that votes so. */
export function voteCommand(verdictName: Exclude<keyof typeof Verdict, "UNSPECIFIED">): Run {
  const verdict = Verdict[verdictName];
  return async (input, terminal) => {
    const ids = idsOf(input, terminal);
    const digest = input.text("digest");
    if (digest !== undefined && ids.length > 1) throw new UsageError(["--digest is of one request; of several each has its own"]);
    const connection = connect(input, terminal);
    const item = { verdict, stage: input.text("stage") ?? "", requirement: input.text("requirement") ?? "", comment: input.text("reason") ?? "" };
    const results: VoteResult[] = [];
    for (let from = 0; from < ids.length; from += maxItems) {
      results.push(...(await votes(ids.slice(from, from + maxItems), digest, item, connection)));
    }
    const style = styleFor(terminal.colour.out);
    await show(input, terminal, jsonOf(VoteResponseSchema, create(VoteResponseSchema, { results })), () =>
      results.map((result) => resultLine(result, style, columnsOf(terminal))).join(""),
    );
    const refused = results.find(({ counted }) => !counted);
    return refused ? exitCodeOfRefusal(refused.reason) : exitCodes.done.code;
  };
}

type Item = { readonly verdict: Verdict; readonly stage: string; readonly requirement: string; readonly comment: string };

/** Votes on what each request has now, unless `digest` says on what; the results in the order of the ids. */
async function votes(ids: readonly string[], digest: string | undefined, item: Item, { approvals, once }: Connection): Promise<readonly VoteResult[]> {
  const none = (approvalId: string, message: string) => create(VoteResultSchema, { approvalId, reason: Reason.APPROVAL_NOT_FOUND, message });
  const read = await Promise.all(
    ids.map(async (approvalId) => {
      // The server refuses all of a call that has such a one; it holds nobody back here.
      if (!/^[\x21-\x7e]{1,128}$/.test(approvalId)) return none(approvalId, "an id has 1 to 128 printable ASCII characters without spaces");
      if (digest !== undefined) return { ...item, approvalId, digest };
      try {
        const { approval } = await approvals.getApproval({ id: approvalId }, once());
        return { ...item, approvalId, digest: approval?.subject?.digest ?? "" };
      } catch (error) {
        if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
        return none(approvalId, failureOf(error).message);
      }
    }),
  );
  const items = read.filter((one) => "verdict" in one);
  const { results } = items.length === 0 ? { results: [] } : await approvals.vote({ items }, once());
  const left = [...results];
  return read.flatMap((one) => ("verdict" in one ? (left.shift() ?? []) : one));
}

/** The ids of the command line; `-` stands for those of stdin, one a line. */
function idsOf(input: Input, terminal: Terminal): readonly string[] {
  const ids = input.args.flatMap((arg) => {
    if (arg !== "-") return [arg];
    const lines = fileText("ID", "-", terminal).split("\n");
    return lines.map((line) => line.trim()).filter((line) => line !== "");
  });
  if (ids.length === 0) throw new UsageError(["ID: stdin has none"]);
  return [...new Set(ids)];
}

/** `✓ ID  approved`, `✓ ID  in-review, security: one 0/1`, `✗ ID  SOD_REQUESTER: …` */
export function resultLine({ approvalId, counted, reason, message, approval }: VoteResult, style: Style, columns?: number): string {
  const id = printable(approvalId);
  const line = (mark: string, text: string) => `${mark} ${id}  ${lineOf(text, id.length + 4, columns)}`;
  if (!counted) return line(style.bad("✗"), `${nameOf(Reason, reason)}: ${message}`);
  const waits = approval ? waitsFor(approval) : "";
  return line(style.good("✓"), approval ? `${stateText(approval)}${waits === "" ? "" : `, ${waits}`}` : "counted");
}

const denied: readonly Reason[] = [
  Reason.NOT_IDENTIFIED,
  Reason.REAUTHENTICATION_NEEDED,
  Reason.PERSON_DISABLED,
  Reason.SOD_REQUESTER,
  Reason.SOD_AUTHOR,
  Reason.SOD_STAND_IN,
  Reason.NOT_ELIGIBLE,
];
const wrong: readonly Reason[] = [Reason.COMMENT_REQUIRED, Reason.REQUIREMENT_UNKNOWN, Reason.COMMAND_ID_REUSED];

/** The code of a failed call with the same cause. */
function exitCodeOfRefusal(reason: Reason): ExitCode {
  if (reason === Reason.APPROVAL_NOT_FOUND) return exitCodes.notFound.code;
  if (denied.includes(reason)) return exitCodes.denied.code;
  return wrong.includes(reason) ? exitCodes.usage.code : exitCodes.conflict.code;
}
