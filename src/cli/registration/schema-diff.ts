/** Whether configurations that are valid by an earlier version of a schema stay valid by a later one. */
import { CompareSchemasResponseSchema, SchemaCompatibility, type CompareSchemasRequest } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { fileText } from "../frame/file-text.ts";
import { jsonOf, show } from "../frame/output.ts";
import { comparisonText } from "./schema-view.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";

export const schemaDiff: Run = async (input, terminal) => {
  const [name = "", from, to] = input.args;
  const path = input.text("file");
  if (path !== undefined && to !== undefined) throw new UsageError(["TO and --file exclude each other"]);
  const connection = connect(input, terminal);
  const artifact = await artifactOf(connection, name, input);
  const next = path === undefined ? (to ?? artifact.versions[0] ?? "") : path;
  const former = from ?? versionBefore(artifact.versions, path === undefined ? next : undefined, name);
  const subject: CompareSchemasRequest["subject"] | undefined = path === undefined ? undefined : await inline(connection, input, terminal, name, former, path);
  const answer = await connection.registration.compareSchemas(
    { subject: subject ?? { case: "stored", value: { artifactId: artifact.id, formerVersion: former, nextVersion: next } } },
    connection.once(),
  );
  const { comparison } = answer;
  const style = styleFor(terminal.colour.out);
  await show(input, terminal, jsonOf(CompareSchemasResponseSchema, answer), () =>
    comparison ? comparisonText(comparison, former, next, style, columnsOf(terminal)) : "",
  );
  const isSafe = comparison?.compatibility === SchemaCompatibility.NONE || comparison?.compatibility === SchemaCompatibility.COMPATIBLE;
  return input.on("check") && !isSafe ? exitCodes.failed.code : exitCodes.done.code;
};

interface Artifact {
  readonly id: string;
  /** Newest first. */
  readonly versions: readonly string[];
}

async function artifactOf({ platform, once }: Connection, name: string, input: Input): Promise<Artifact> {
  if (input.on("connector")) {
    const { artifactId, availableVersions } = await platform.getConnectorSchema({ connectorType: name }, once());
    return { id: artifactId, versions: availableVersions };
  }
  const { artifactId, versions } = await platform.getModuleSchemaVersions({ moduleName: name }, once());
  return { id: artifactId, versions: versions.map(({ version }) => version) };
}

/** The version before `next`, or the latest when `next` is not one of them. Throws UsageError when there is none. */
function versionBefore(versions: readonly string[], next: string | undefined, name: string): string {
  const before = versions[next === undefined ? 0 : versions.indexOf(next) + 1];
  if (before === undefined) throw new UsageError([`${name} has no version before ${next ?? "this one"}: name one as FROM`]);
  return before;
}

async function inline(
  { platform, once }: Connection,
  input: Input,
  terminal: Terminal,
  name: string,
  version: string,
  path: string,
): Promise<CompareSchemasRequest["subject"]> {
  const former = input.on("connector")
    ? await platform.getConnectorSchema({ connectorType: name, version }, once())
    : await platform.getModuleSchema({ moduleName: name, version }, once());
  return {
    case: "inline",
    value: { $typeName: "muster.registration.v1.InlineSchemas", formerJson: former.schemaJson, nextJson: fileText("--file", path, terminal) },
  };
}
