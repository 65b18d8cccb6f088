import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ListNamesResponseSchema,
  ReleaseNameResponseSchema,
  ShareArtifactResponseSchema,
  TransferNameResponseSchema,
  UnshareArtifactResponseSchema,
  type ListNamesRequest,
  type ListNamesResponse,
  type OwnedNameSchema,
  type ReleaseNameRequest,
  type ReleaseNameResponse,
  type ShareArtifactRequest,
  type ShareArtifactResponse,
  type TransferNameRequest,
  type TransferNameResponse,
  type UnshareArtifactRequest,
  type UnshareArtifactResponse,
} from "../../../gen/muster/registration/v1/name_service_pb.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import {
  listNames as list,
  releaseName as release,
  shareArtifact as share,
  transferName as transfer,
  type NamesDeps,
  type OwnedName,
} from "../../registration/names.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";
import { callerOf } from "../platform/caller.ts";

const defaultPageSize = 50;
const maxPageSize = 500;

export async function listNames({ store }: NamesDeps, { pageSize, pageToken, owner, name }: ListNamesRequest): Promise<ListNamesResponse> {
  const after = Buffer.from(pageToken, "base64url").toString("utf8");
  const bad: FieldViolation[] = [];
  if (pageSize < 0 || pageSize > maxPageSize) bad.push({ field: "page_size", description: `must be from 0 to ${maxPageSize}` });
  if (pageToken.length > 1_024 || tokenOf(after) !== pageToken) bad.push({ field: "page_token", description: "is not one of ours" });
  if (owner.length > 512) bad.push({ field: "owner", description: "must be at most 512 characters" });
  if (name.length > 128) bad.push({ field: "name", description: "must be at most 128 characters" });
  if (bad.length > 0) throw invalidFields(bad);
  const filter = { ...(owner === "" ? {} : { owner }), ...(name === "" ? {} : { name }) };
  const { names, nextAfter } = await list(store, { after, limit: pageSize || defaultPageSize, ...filter });
  return create(ListNamesResponseSchema, { names: names.map(messageOf), nextPageToken: tokenOf(nextAfter ?? "") });
}

export async function transferName(
  deps: RegistrationHandlerDeps,
  { name, owner }: TransferNameRequest,
  context: HandlerContext,
): Promise<TransferNameResponse> {
  const done = await transfer({ ...deps, gate: deps.register.ports.gate }, { name, owner }, callerOf(context));
  return create(TransferNameResponseSchema, { name: messageOf(done.name), formerOwner: done.formerOwner });
}

export async function releaseName(deps: NamesDeps, { name }: ReleaseNameRequest, context: HandlerContext): Promise<ReleaseNameResponse> {
  return create(ReleaseNameResponseSchema, { formerOwner: await release(deps, name, callerOf(context)) });
}

export async function shareArtifact(deps: NamesDeps, { artifactId, name }: ShareArtifactRequest, context: HandlerContext): Promise<ShareArtifactResponse> {
  return create(ShareArtifactResponseSchema, { changed: await share(deps, { artifactId, name }, true, callerOf(context)) });
}

export async function unshareArtifact(
  deps: NamesDeps,
  { artifactId, name }: UnshareArtifactRequest,
  context: HandlerContext,
): Promise<UnshareArtifactResponse> {
  return create(UnshareArtifactResponseSchema, { changed: await share(deps, { artifactId, name }, false, callerOf(context)) });
}

function messageOf({ name, owner, isReserved, artifactIds, hasMoreArtifacts }: OwnedName): MessageInitShape<typeof OwnedNameSchema> {
  return { name, owner, isReserved, artifactIds: [...artifactIds], hasMoreArtifacts };
}

function tokenOf(name: string): string {
  return Buffer.from(name, "utf8").toString("base64url");
}
