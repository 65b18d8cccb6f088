/**
 * Registers an instance and shows its steps. The attempt runs in the server: when this command ends early the attempt
 * is cancelled only if the catalog does not have the instance yet, so an early end shows how to follow it. One that waits
 * for an approval goes on waiting whatever becomes of this command; a wait that breaks is taken up by sending the request again.
 */
import { ConnectError } from "@connectrpc/connect";
import {
  EventType,
  type RegisterRequest,
  type RegisterResponse,
  type RegistrationEvent,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { printable } from "../../kernel/log.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { failureOf } from "../frame/failure.ts";
import { formatOf } from "../frame/output.ts";
import { reopening } from "../frame/reopening.ts";
import type { Terminal } from "../frame/terminal.ts";
import { took } from "../frame/times.ts";
import { exitCodeOf, followEvents, isTerminal } from "./follow-events.ts";
import { waitedFor } from "./progress-view.ts";
import { registerRequest } from "./register-request.ts";

// An attempt has 150 s; an approval may take longer.
const attemptMs = 160_000;

export const registerCommand: Run = async (input, terminal) => {
  const request = await registerRequest(input, terminal);
  const { platform, once, open, isOver } = connect(input, terminal);
  const format = formatOf(input, terminal.isInteractive ? "table" : "json");
  const { waitForApproval } = request;
  let last: RegistrationEvent | undefined;
  let approvalId: string | undefined;
  let isRejected = false;
  let isAgain = false;
  const answers = reopening(
    terminal,
    () => isOver() || !waitForApproval || approvalId === undefined || (last !== undefined && isTerminal(last)),
    (before: RegisterResponse | undefined) => {
      isAgain = before !== undefined;
      return platform.register(request, waitForApproval ? open() : once(attemptMs));
    },
  );
  try {
    await followEvents(
      unseen(answers, () => isAgain),
      format,
      terminal,
      (event) => {
        last = event;
        approvalId = waitedFor(event)?.["approval_id"] ?? approvalId;
        isRejected ||= event.eventType === EventType.REJECTED;
      },
    );
  } catch (error) {
    // After FAILED the status only shows whether a retry can help.
    if (last?.eventType === EventType.FAILED && error instanceof ConnectError) {
      const { retryAfterMs } = failureOf(error);
      if (retryAfterMs !== undefined) terminal.err(`A retry may help, after ${took(retryAfterMs)}.\n`);
    } else {
      if (last && !isTerminal(last)) terminal.err(goesOn(last, approvalId, request, terminal));
      if (last && waitedFor(last) && isOver() && !terminal.signal.aborted) return exitCodes.pending.code;
      throw error;
    }
  }
  return exitCodeOf(last, isRejected);
};

/** Each event once, however often the stream was opened; `isAgain`: more than once. */
async function* unseen(answers: AsyncIterable<RegisterResponse>, isAgain: () => boolean): AsyncGenerator<RegistrationEvent> {
  const seen = new Map<string, bigint>();
  for await (const { event } of answers) {
    if (!event) continue;
    const { attemptId, sequence } = event;
    if (sequence > 0n && sequence <= (seen.get(attemptId) ?? 0n)) continue;
    // What an answer without an attempt begins with says nothing new of an instance that is known to wait.
    if (isAgain() && attemptId === "" && (event.eventType === EventType.STARTED || event.eventType === EventType.VALIDATED)) continue;
    if (sequence > 0n) seen.set(attemptId, sequence);
    yield event;
  }
}

/** What becomes of it when this command ends now. */
function goesOn({ eventType, attemptId }: RegistrationEvent, approvalId: string | undefined, request: RegisterRequest, { program }: Terminal): string {
  const { name, connectivity } = request;
  const host = connectivity?.advertisedHost ?? "";
  const at = printable(`${name} ${host.includes(":") ? `[${host}]` : host}:${connectivity?.advertisedPort ?? 0}`);
  if (eventType === EventType.APPROVAL_REQUESTED) {
    return [
      "It still waits, and goes live by itself when it is approved:",
      `  ${program} approvals show ${printable(approvalId ?? "")}`,
      "To take it back:",
      `  ${program} unregister ${at}`,
      "",
    ].join("\n");
  }
  if (attemptId === "") return `It was approved, and goes live by itself: ${program} attempts list --name ${printable(name)}\n`;
  return `The attempt may still be running: ${program} attempts show ${printable(attemptId)} --watch\n`;
}
