import { UnregisterResponseSchema } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { printable } from "../../kernel/log.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { hostPort } from "../frame/host-port.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor } from "../frame/style.ts";

// The server waits up to ten seconds for the catalog.
const answerMs = 20_000;

export const unregisterCommand: Run = async (input, terminal) => {
  const [name = "", at = ""] = input.args;
  const { host, port } = hostPort("HOST:PORT", at);
  const { platform, once } = connect(input, terminal);
  const answer = await platform.unregister({ name, host, port }, once(answerMs));
  const style = styleFor(terminal.colour.out);
  await show(
    input,
    terminal,
    jsonOf(UnregisterResponseSchema, answer),
    () => `${style.good("✓")} ${printable(name)} at ${printable(at)}: ${printable(answer.message)}\n`,
  );
  return exitCodes.done.code;
};
