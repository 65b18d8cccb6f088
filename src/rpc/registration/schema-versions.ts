import { invalidFields } from "../../kernel/errors.ts";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  CompareSchemasResponseSchema,
  GetSchemaVersionResponseSchema,
  SchemaCompatibility,
  SchemaKind,
  SchemaState as WireSchemaState,
  type CompareSchemasRequest,
  type CompareSchemasResponse,
  type GetSchemaVersionRequest,
  type GetSchemaVersionResponse,
  type SchemaComparisonSchema,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { shareOf } from "../../kernel/caller.ts";
import { compareInline, compareStored } from "../../registration/schemas/compare-query.ts";
import { renderDiff } from "../../schema-diff/render-diff.ts";
import { getSchemaVersion as get } from "../../registration/schemas/schema-queries.ts";
import type { SchemaState, SchemaVerdict, SchemaVersion, BoundedComparison } from "../../registration/schemas/schema-records.ts";
import { checkSchemaVersionQuery } from "../../registration/schemas/validate-schema-query.ts";
import { callerOf } from "../platform/caller.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

type Deps = Pick<RegistrationHandlerDeps, "register">;

const compatibilities: Readonly<Record<SchemaVerdict, SchemaCompatibility>> = SchemaCompatibility;
const kinds: Readonly<Record<SchemaVersion["kind"], SchemaKind>> = SchemaKind;
const states: Readonly<Record<SchemaState, WireSchemaState>> = WireSchemaState;

export async function compareSchemas(deps: Deps, { subject }: CompareSchemasRequest, context: HandlerContext): Promise<CompareSchemasResponse> {
  if (subject.case === undefined) throw invalidFields([{ field: "subject", description: "must be set: stored or inline" }]);
  const { ports } = deps.register;
  const share = shareOf(callerOf(context));
  const comparison =
    subject.case === "inline"
      ? await compareInline(ports, subject.value.formerJson, subject.value.nextJson, share, context.signal)
      : await compareStored(ports, subject.value, share, context.signal);
  return create(CompareSchemasResponseSchema, { comparison: comparisonOf(comparison) });
}

export async function getSchemaVersion(deps: Deps, { artifactId, version }: GetSchemaVersionRequest): Promise<GetSchemaVersionResponse> {
  checkSchemaVersionQuery({ artifact_id: artifactId }, { version });
  const { comparison, ...schema } = await get(deps.register.ports, artifactId, version);
  return create(GetSchemaVersionResponseSchema, {
    schema: {
      ...schema,
      kind: kinds[schema.kind],
      state: states[schema.state],
      createdAt: timestampFromMs(schema.createdAt),
      ...(comparison ? { comparedWith: comparison.against, comparison: comparisonOf(comparison) } : {}),
    },
  });
}

function comparisonOf(comparison: BoundedComparison): MessageInitShape<typeof SchemaComparisonSchema> {
  return {
    compatibility: compatibilities[comparison.verdict],
    changes: comparison.changes.map(({ kind, ...change }) => ({ ...change, compatibility: compatibilities[kind] })),
    omittedChanges: comparison.omitted,
    diff: renderDiff(comparison),
  };
}
