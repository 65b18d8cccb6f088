import {
  GetConnectorSchemaResponseSchema,
  GetModuleSchemaResponseSchema,
  GetModuleSchemaVersionsResponseSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Run } from "./command.ts";
import { connect } from "./connect.ts";
import { exitCodes } from "./exit-codes.ts";
import { jsonOf, show } from "./output.ts";
import { msOf } from "./progress-view.ts";
import { styleFor } from "./style.ts";
import { table, type Cell } from "./table.ts";
import { age } from "./times.ts";

/** Prints the schema itself, as it was stored; everything about it with `-o`. */
export const schemaGet: Run = async (input, terminal) => {
  const { platform, once } = connect(input, terminal);
  const [name = ""] = input.args;
  const version = input.text("version");
  const which = version === undefined ? {} : { version };
  if (input.on("connector")) {
    const answer = await platform.getConnectorSchema({ connectorType: name, ...which }, once());
    await show(input, terminal, jsonOf(GetConnectorSchemaResponseSchema, answer), () => schemaText(answer.schemaJson));
  } else {
    const answer = await platform.getModuleSchema({ moduleName: name, ...which }, once());
    await show(input, terminal, jsonOf(GetModuleSchemaResponseSchema, answer), () => schemaText(answer.schemaJson));
  }
  return exitCodes.done.code;
};

function schemaText(json: string): string {
  return json.endsWith("\n") ? json : `${json}\n`;
}

export const schemaVersions: Run = async (input, terminal) => {
  const { platform, once } = connect(input, terminal);
  const answer = await platform.getModuleSchemaVersions({ moduleName: input.args[0] ?? "" }, once());
  const style = styleFor(terminal.colour.out);
  const now = terminal.clock.now();
  const rows = answer.versions.map(({ version, createdAt, metadata, description }): readonly Cell[] => [
    version,
    age(createdAt && msOf(createdAt), now),
    version === answer.latestVersion ? { text: "latest", paint: style.good } : "",
    metadata["state"]?.toLowerCase() ?? "",
    metadata["compatibility"]?.toLowerCase() ?? "",
    description ?? "",
  ]);
  await show(input, terminal, jsonOf(GetModuleSchemaVersionsResponseSchema, answer), () => {
    const heads = ["VERSION", "AGE", "", "STATE", "CHANGE", "DESCRIPTION"];
    return `${style.dim(`artifact ${answer.artifactId}`)}\n${table({ heads, rows, bold: style.bold })}`;
  });
  return exitCodes.done.code;
};
