/**
 * An attempt with its events, replayed by the server. With `--watch` a broken stream is reopened after the last
 * event seen, with pauses of up to ten seconds, so that no event is missing or shown twice.
 */
import { RegistrationEventSchema, type RegistrationEvent } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { AttemptSchema, AttemptState } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { attemptDetails } from "./attempt-view.ts";
import type { Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { exitCodeOf, followEvents } from "./follow-events.ts";
import { formatOf, jsonOf, show } from "../frame/output.ts";
import { eventLine, msOf } from "./progress-view.ts";
import { reopening } from "../frame/reopening.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf } from "../frame/terminal.ts";

export const showAttempt: Run = async (input, terminal) => {
  const connection = connect(input, terminal);
  const [attemptId = ""] = input.args;
  if (input.on("watch")) {
    const events = reopening(terminal, connection.isOver, (last: RegistrationEvent | undefined) => watch(connection, attemptId, last?.sequence ?? 0n));
    return exitCodeOf(await followEvents(events, formatOf(input), terminal));
  }
  const { attempt } = await connection.registration.getAttempt({ attemptId }, connection.once());
  if (!attempt) return exitCodes.failed.code;
  const events: RegistrationEvent[] = [];
  if (attempt.lastSequence > 0n) {
    for await (const event of watch(connection, attemptId, 0n)) {
      events.push(event);
      if (event.sequence >= attempt.lastSequence) break;
    }
  }
  const style = styleFor(terminal.colour.out);
  const columns = columnsOf(terminal);
  const value = { attempt: jsonOf(AttemptSchema, attempt), events: events.map((event) => jsonOf(RegistrationEventSchema, event)) };
  await show(input, terminal, value, () => {
    const lines = events.map((event, i) => `${eventLine(event, i === 0 ? 0 : msOf(event.timestamp) - msOf(events[i - 1]?.timestamp), style, columns)}\n`);
    const more = attempt.state === AttemptState.RUNNING ? `It is still running: ${terminal.program} attempts show ${attemptId} --watch\n` : "";
    return `${attemptDetails(attempt, terminal.clock.now(), style)}\n${lines.join("")}${more}`;
  });
  return exitCodes.done.code;
};

async function* watch({ registration, open }: Connection, attemptId: string, afterSequence: bigint): AsyncGenerator<RegistrationEvent> {
  for await (const { item } of registration.watchAttempt({ attemptId, afterSequence }, open())) {
    if (item.case === "event") yield item.value;
  }
}
