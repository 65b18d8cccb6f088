/**
 * Registers an instance and shows its steps. The attempt runs in the server: when this command ends early the attempt
 * is cancelled only if the catalog does not have the instance yet, so an early end shows how to follow it.
 */
import { ConnectError } from "@connectrpc/connect";
import { EventType, type RegisterResponse, type RegistrationEvent } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { failureOf } from "../frame/failure.ts";
import { exitCodeOf, followEvents, isTerminal } from "./follow-events.ts";
import { formatOf } from "../frame/output.ts";
import { registerRequest } from "./register-request.ts";
import { took } from "../frame/times.ts";

// An attempt has 150 s; an approval may take longer.
const attemptMs = 160_000;

export const registerCommand: Run = async (input, terminal) => {
  const request = await registerRequest(input, terminal);
  const { platform, once, open } = connect(input, terminal);
  const format = formatOf(input, terminal.isInteractive ? "table" : "json");
  const answers = platform.register(request, request.waitForApproval ? open() : once(attemptMs));
  let last: RegistrationEvent | undefined;
  try {
    await followEvents(eventsOf(answers), format, terminal, (event) => (last = event));
  } catch (error) {
    // After FAILED the status only shows whether a retry can help.
    if (last?.eventType === EventType.FAILED && error instanceof ConnectError) {
      const { retryAfterMs } = failureOf(error);
      if (retryAfterMs !== undefined) terminal.err(`A retry may help, after ${took(retryAfterMs)}.\n`);
    } else {
      if (last && !isTerminal(last)) terminal.err(`The attempt may still be running: ${terminal.program} attempts show ${last.attemptId} --watch\n`);
      throw error;
    }
  }
  return exitCodeOf(last);
};

async function* eventsOf(answers: AsyncIterable<RegisterResponse>): AsyncGenerator<RegistrationEvent> {
  for await (const { event } of answers) if (event) yield event;
}
