import { Code, ConnectError } from "@connectrpc/connect";
import {
  GetConnectorSchemaResponseSchema,
  GetModuleSchemaResponseSchema,
  GetModuleSchemaVersionsResponseSchema,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { SchemaCompatibility } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import type { Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { documentText, formatOf, jsonOf, show } from "../frame/output.ts";
import { versionTable } from "./schema-view.ts";
import { styleFor } from "../frame/style.ts";

/** Prints the schema itself, as stored; with `-o` its metadata too. */
export const schemaGet: Run = async (input, terminal) => {
  const { platform, once } = connect(input, terminal);
  const [name = ""] = input.args;
  const version = input.text("version");
  const which = version === undefined ? {} : { version };
  if (input.on("connector")) {
    const answer = await platform.getConnectorSchema({ connectorType: name, ...which }, once());
    await show(input, terminal, jsonOf(GetConnectorSchemaResponseSchema, answer), () => documentText(answer.schemaJson, terminal));
  } else {
    const answer = await platform.getModuleSchema({ moduleName: name, ...which }, once());
    await show(input, terminal, jsonOf(GetModuleSchemaResponseSchema, answer), () => documentText(answer.schemaJson, terminal));
  }
  return exitCodes.done.code;
};

/** How many of the newest versions are requested one by one. */
const mostCompared = 20;

export const schemaVersions: Run = async (input, terminal) => {
  const connection = connect(input, terminal);
  const answer = await connection.platform.getModuleSchemaVersions({ moduleName: input.args[0] ?? "" }, connection.once());
  const isText = formatOf(input) === "table";
  const changes = isText
    ? await Promise.all(answer.versions.slice(0, mostCompared).map(({ version }) => changeOf(connection, answer.artifactId, version)))
    : [];
  const versions = answer.versions.map((version, i) => ({ version, isLatest: version.version === answer.latestVersion, change: changes[i] }));
  const style = styleFor(terminal.colour.out);
  await show(input, terminal, jsonOf(GetModuleSchemaVersionsResponseSchema, answer), () => versionTable(versions, terminal.clock.now(), style));
  return exitCodes.done.code;
};

/** Undefined for a version that only the schema registry has. */
async function changeOf({ registration, once }: Connection, artifactId: string, version: string): Promise<SchemaCompatibility | undefined> {
  try {
    const { schema } = await registration.getSchemaVersion({ artifactId, version }, once());
    return schema?.comparison?.compatibility;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
    throw error;
  }
}
