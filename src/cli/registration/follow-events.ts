import {
  EventType,
  RegistrationEventSchema,
  RegistrationOutcome,
  type RegistrationEvent,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { exitCodes, type ExitCode } from "../frame/exit-codes.ts";
import { startLiveLine } from "../frame/live-line.ts";
import { jsonOf, showItem, type Format } from "../frame/output.ts";
import { eventLine, msOf, summaryLine, waitingLine } from "./progress-view.ts";
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
  if (format !== "table") {
    for await (const event of events) {
      onEvent((last = event));
      await showItem(format, terminal, jsonOf(RegistrationEventSchema, event));
    }
    return last;
  }
  await using live = startLiveLine(terminal, (elapsedMs) => waitingLine(elapsedMs, style));
  for await (const event of events) {
    const at = msOf(event.timestamp);
    if (!last) beganMs = at;
    if (!last && event.attemptId !== "") live.print(style.dim(`attempt ${event.attemptId}`));
    live.print(eventLine(event, last ? at - msOf(last.timestamp) : 0, style, columnsOf(terminal)));
    onEvent((last = event));
    if (isTerminal(event)) live.print(summaryLine(event, at - beganMs, style));
  }
  return last;
}

export function isTerminal({ eventType }: RegistrationEvent): boolean {
  return eventType === EventType.COMPLETED || eventType === EventType.FAILED;
}

/** The exit code for an attempt's last event. */
export function exitCodeOf(last: RegistrationEvent | undefined): ExitCode {
  if (last?.eventType === EventType.FAILED) return exitCodes.rolledBack.code;
  if (last?.eventType !== EventType.COMPLETED) return exitCodes.failed.code;
  return last.outcome === RegistrationOutcome.PENDING_APPROVAL ? exitCodes.pending.code : exitCodes.done.code;
}
