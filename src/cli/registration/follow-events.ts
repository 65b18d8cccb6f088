import {
  EventType,
  RegistrationEventSchema,
  RegistrationOutcome,
  type RegistrationEvent,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { printable } from "../../kernel/log.ts";
import { exitCodes, type ExitCode } from "../frame/exit-codes.ts";
import { startLiveLine } from "../frame/live-line.ts";
import { jsonOf, showItem, type Format } from "../frame/output.ts";
import { approvalLine, eventLine, msOf, summaryLine, waitedFor, waitingLine } from "./progress-view.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";

/** Shows the events of an attempt as they come; resolves to the last one. An error of the stream comes after its events. */
export async function followEvents(
  events: AsyncIterable<RegistrationEvent>,
  format: Format,
  terminal: Terminal,
  onEvent: (event: RegistrationEvent) => void = () => undefined,
): Promise<RegistrationEvent | undefined> {
  const style = styleFor(terminal.colour.out);
  let last: RegistrationEvent | undefined;
  let beganMs = 0;
  let approvalId = "";
  if (format !== "table") {
    for await (const event of events) {
      onEvent((last = event));
      await showItem(format, terminal, jsonOf(RegistrationEventSchema, event));
    }
    return last;
  }
  let waiting: Readonly<Record<string, string>> | undefined;
  await using live = startLiveLine(terminal, (elapsedMs) =>
    waiting ? approvalLine(waiting, elapsedMs, style, terminal.size().columns) : waitingLine(elapsedMs, style),
  );
  for await (const event of events) {
    const at = msOf(event.timestamp);
    onEvent(event);
    waiting = waitedFor(event);
    // The server repeats what is waited for, so that the stream is not taken for dead.
    if (waiting && event.message === last?.message) continue;
    if (!last) beganMs = at;
    if (event.attemptId !== "" && event.attemptId !== last?.attemptId) live.print(style.dim(`attempt ${printable(event.attemptId)}`));
    live.print(eventLine(withoutRepeatedDetail(event, last), last ? at - msOf(last.timestamp) : 0, style, columnsOf(terminal)));
    last = event;
    if (isTerminal(event)) live.print(summaryLine(event, at - beganMs, style));
    if (event.outcome === RegistrationOutcome.PENDING_APPROVAL && approvalId !== "")
      live.print(`  ${terminal.program} approvals show ${printable(approvalId)}`);
    approvalId = waiting?.["approval_id"] ?? approvalId;
  }
  return last;
}

/** A rejection is said once, by REJECTED; FAILED after it has the same detail. */
function withoutRepeatedDetail(event: RegistrationEvent, last: RegistrationEvent | undefined): RegistrationEvent {
  const isSaid = event.eventData.case === "errorDetail" && last?.eventType === EventType.REJECTED && last.eventData.value === event.eventData.value;
  return isSaid ? { ...event, eventData: { case: undefined } } : event;
}

export function isTerminal({ eventType }: RegistrationEvent): boolean {
  return eventType === EventType.COMPLETED || eventType === EventType.FAILED;
}

/** The exit code for an attempt's last event; `isRejected`: it came because somebody rejected what was waited for. */
export function exitCodeOf(last: RegistrationEvent | undefined, isRejected = false): ExitCode {
  if (last?.eventType === EventType.FAILED) {
    const { eventData, attemptId } = last;
    if (eventData.case !== "errorDetail" || !eventData.value.startsWith("APPROVAL_REJECTED:")) return exitCodes.rolledBack.code;
    // A wait that ends without a rejection ends without a decision.
    return attemptId === "" && !isRejected ? exitCodes.undecided.code : exitCodes.rejected.code;
  }
  if (last?.eventType !== EventType.COMPLETED) return exitCodes.failed.code;
  return last.outcome === RegistrationOutcome.PENDING_APPROVAL ? exitCodes.pending.code : exitCodes.done.code;
}
