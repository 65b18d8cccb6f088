import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  GetConnectorSchemaResponseSchema,
  GetModuleSchemaResponseSchema,
  GetModuleSchemaVersionsResponseSchema,
  type GetConnectorSchemaRequest,
  type GetConnectorSchemaResponse,
  type GetModuleSchemaRequest,
  type GetModuleSchemaResponse,
  type GetModuleSchemaVersionsRequest,
  type GetModuleSchemaVersionsResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { readConnectorArtifact, readModuleArtifact } from "../../registration/schemas/schema-artifacts.ts";
import { findSchema, listSchemaVersions, type FoundSchema, type ListedSchema, type ListedVersion } from "../../registration/schemas/schema-queries.ts";
import { checkSchemaQuery } from "../../registration/schemas/validate-schema-query.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

type Deps = Pick<RegistrationHandlerDeps, "register">;

export async function getModuleSchema(deps: Deps, request: GetModuleSchemaRequest, context: HandlerContext): Promise<GetModuleSchemaResponse> {
  const { moduleName: name, version } = request;
  checkSchemaQuery("module_name", name, version);
  const { ports } = deps.register;
  const found = await findSchema(ports, await readModuleArtifact(ports.store, name), version, { what: "module", name }, context.signal);
  return create(GetModuleSchemaResponseSchema, { moduleName: name, ...schemaFields(found) });
}

export async function getConnectorSchema(deps: Deps, request: GetConnectorSchemaRequest, context: HandlerContext): Promise<GetConnectorSchemaResponse> {
  const { connectorType: name, version } = request;
  checkSchemaQuery("connector_type", name, version);
  const { ports } = deps.register;
  const found = await findSchema(ports, await readConnectorArtifact(ports.store, name), version, { what: "connector", name }, context.signal);
  return create(GetConnectorSchemaResponseSchema, { connectorType: name, ...schemaFields(found) });
}

export async function getModuleSchemaVersions(
  deps: Deps,
  { moduleName: name }: GetModuleSchemaVersionsRequest,
  context: HandlerContext,
): Promise<GetModuleSchemaVersionsResponse> {
  checkSchemaQuery("module_name", name, undefined);
  const { ports } = deps.register;
  const listed = await listSchemaVersions(ports, await readModuleArtifact(ports.store, name), { what: "module", name }, context.signal);
  return create(GetModuleSchemaVersionsResponseSchema, {
    moduleName: name,
    artifactId: listed.artifactId,
    versions: listed.versions.map((one) => ({ version: one.version, metadata: metadataOf(listed, one), ...createdAt(one) })),
    latestVersion: listed.versions[0]?.version ?? "",
  });
}

function schemaFields(schema: FoundSchema) {
  const { found, content, artifactId, versions } = schema;
  const updatedAt = createdAt(found).createdAt;
  return {
    schemaJson: content,
    schemaVersion: found.version,
    artifactId,
    metadata: metadataOf(schema, found),
    availableVersions: versions.map(({ version }) => version),
    ...(updatedAt ? { updatedAt } : {}),
  };
}

function createdAt({ recorded }: ListedVersion) {
  return recorded ? { createdAt: timestampFromMs(recorded.createdAt) } : {};
}

function metadataOf({ away }: ListedSchema, { recorded }: ListedVersion): Record<string, string> {
  return {
    source: recorded ? "record" : "registry",
    ...(recorded ? { sha256: recorded.sha256, synthesised: String(recorded.synthesised) } : {}),
    ...(recorded?.comparison ? { compatibility: recorded.comparison.verdict, compared_with: recorded.comparison.against } : {}),
    ...(away ? { registry: "unavailable" } : {}),
  };
}
