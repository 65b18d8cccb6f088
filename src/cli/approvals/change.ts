/** Opening, revising, reassigning and closing requests for approval. */
import {
  CloseHow,
  CloseResponseSchema,
  CreateApprovalResponseSchema,
  ReassignResponseSchema,
  ReviseResponseSchema,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { printable } from "../../kernel/log.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { formatOf, jsonOf, show } from "../frame/output.ts";
import type { Terminal } from "../frame/terminal.ts";
import { isOpen } from "./approval-view.ts";
import { detailsOf } from "./details.ts";
import { subjectOf } from "./read.ts";
import { exitCodeOf, follow } from "./watch.ts";

export const createRequest: Run = async (input, terminal) => {
  const [policyKey = "", about = ""] = input.args;
  const [type, id] = subjectOf("TYPE/ID", about, true);
  const subject = { type, id, digest: digestIn(input) };
  const validateOnly = input.on("dry-run");
  const waits = input.on("wait");
  if (validateOnly && waits) throw new UsageError(["--wait: nothing is opened with --dry-run"]);
  const contextJson = contextOf(input, terminal);
  const connection = connect(input, terminal);
  const onBehalfOf = input.text("on-behalf-of") ?? "";
  const callback = callbackIn(input);
  const answer = await connection.approvals.createApproval({ policyKey, subject, contextJson, onBehalfOf, validateOnly, ...callback }, connection.once());
  const { approval, created } = answer;
  if (waits && approval) {
    if (!isOpen(approval)) {
      const details = await detailsOf(approval, connection, input, terminal);
      await show(input, terminal, jsonOf(CreateApprovalResponseSchema, answer), () => details);
      return exitCodeOf(approval.decision);
    }
    terminal.err(`${created ? "opened" : "joined"} ${printable(approval.id)}\n`);
    return follow(approval.id, connection, terminal, { after: 0n, untilDecided: true, format: formatOf(input) });
  }
  const shown = approval && validateOnly && created ? { ...approval, id: "" } : approval;
  const details = await detailsOf(shown, connection, input, terminal);
  await show(input, terminal, jsonOf(CreateApprovalResponseSchema, answer), () => {
    const what = validateOnly
      ? `Nothing was opened. It would be${created ? "" : " this one, which exists already"}:`
      : created
        ? "Opened:"
        : "It exists already, and you asked for it, too:";
    return `${what}\n${details}`;
  });
  return exitCodes.done.code;
};

export const reviseRequest: Run = async (input, terminal) => {
  const [approvalId = ""] = input.args;
  const digest = digestIn(input);
  const contextJson = contextOf(input, terminal);
  const connection = connect(input, terminal);
  const { approvals, once } = connection;
  const answer = await approvals.revise({ approvalId, digest, contextJson }, once());
  const details = await detailsOf(answer.approval, connection, input, terminal);
  await show(input, terminal, jsonOf(ReviseResponseSchema, answer), () => details);
  return exitCodes.done.code;
};

export const reassignPlace: Run = async (input, terminal) => {
  const [approvalId = ""] = input.args;
  const to = input.text("to") ?? "";
  if (to === "") throw new UsageError(["--to is missing: who takes the place"]);
  const connection = connect(input, terminal);
  const { approvals, once } = connection;
  const request = { approvalId, to, from: input.text("from") ?? "", requirement: input.text("requirement") ?? "", reason: input.text("reason") ?? "" };
  const answer = await approvals.reassign(request, once());
  const details = await detailsOf(answer.approval, connection, input, terminal);
  await show(input, terminal, jsonOf(ReassignResponseSchema, answer), () => details);
  return exitCodes.done.code;
};

const hows = { withdraw: CloseHow.WITHDRAW, cancel: CloseHow.CANCEL, revoke: CloseHow.REVOKE } as const;

export const closeRequest: Run = async (input, terminal) => {
  const [approvalId = ""] = input.args;
  const given = Object.entries(hows).filter(([name]) => input.on(name));
  const [[, how] = []] = given;
  if (how === undefined || given.length > 1) throw new UsageError(["exactly one of --withdraw, --cancel and --revoke is needed"]);
  const evict = input.on("evict");
  if (evict && how !== CloseHow.REVOKE) throw new UsageError(["--evict takes out what was let in: it needs --revoke"]);
  const connection = connect(input, terminal);
  const { approvals, once } = connection;
  const answer = await approvals.close({ approvalId, how, evict, reason: input.text("reason") ?? "" }, once());
  const details = await detailsOf(answer.approval, connection, input, terminal);
  await show(input, terminal, jsonOf(CloseResponseSchema, answer), () => details);
  return exitCodes.done.code;
};

function digestIn(input: Input): string {
  const digest = input.text("digest") ?? "";
  if (digest === "") throw new UsageError(["--digest is missing: the digest of the content that is decided upon"]);
  return digest;
}

function callbackIn(input: Input) {
  const [url, secretId = ""] = [input.text("callback"), input.text("callback-secret")];
  if (url === undefined && secretId !== "") throw new UsageError(["--callback-secret: there is no --callback that it could sign"]);
  return url === undefined ? {} : { callback: { url, secretId } };
}

/** The context as JSON text, from the file of `--context`; empty without it. */
export function contextOf(input: Input, terminal: Terminal): string {
  const file = input.text("context");
  return file === undefined ? "" : fileText("--context", file, terminal);
}
