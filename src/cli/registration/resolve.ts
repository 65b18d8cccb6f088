import { ResolveServiceResponseSchema } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { address } from "./instance-view.ts";
import { jsonOf, show } from "../frame/output.ts";
import { printable } from "../../kernel/log.ts";
import { styleFor } from "../frame/style.ts";
import { pairs } from "../frame/table.ts";

export const resolveCommand: Run = async (input, terminal) => {
  const { platform, once } = connect(input, terminal);
  const request = {
    serviceName: input.args[0] ?? "",
    preferLocal: input.on("local"),
    requiredTags: [...input.texts("tag")],
    requiredCapabilities: [...input.texts("capability")],
  };
  const answer = await platform.resolveService(request, once());
  const code = answer.found ? exitCodes.done.code : exitCodes.notFound.code;
  if (input.on("quiet")) {
    if (answer.found) terminal.out(`${printable(address(answer.host, answer.port))}\n`);
    return code;
  }
  const style = styleFor(terminal.colour.out);
  await show(input, terminal, jsonOf(ResolveServiceResponseSchema, answer), () =>
    pairs(
      [
        ["Found", answer.found ? { text: "yes", paint: style.good } : { text: "no", paint: style.bad }],
        ["Name", answer.serviceName],
        ["Address", answer.found ? address(answer.host, answer.port) : ""],
        ["Id", answer.serviceId],
        ["Version", answer.version],
        ["Tags", answer.tags.join(", ")],
        ["Capabilities", answer.capabilities.join(", ")],
        ["Why", answer.selectionReason],
        ["Instances", `${answer.healthyInstances} healthy of ${answer.totalInstances}`],
      ],
      style.dim,
    ),
  );
  return code;
};
