import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  CancelAttemptResponseSchema,
  GetAttemptResponseSchema,
  ListAttemptsResponseSchema,
  type CancelAttemptRequest,
  type CancelAttemptResponse,
  type GetAttemptRequest,
  type GetAttemptResponse,
  type ListAttemptsRequest,
  type ListAttemptsResponse,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import { cancelAttempt as cancel, getAttempt as get, listAttempts as list } from "../../registration/queries.ts";
import { checkAttemptId } from "../../registration/validate.ts";
import { attemptOf, attemptStateOf } from "./convert.ts";
import { callerOf } from "../platform/caller.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

const defaultPageSize = 50;
const maxPageSize = 500;

export async function getAttempt(deps: RegistrationHandlerDeps, request: GetAttemptRequest): Promise<GetAttemptResponse> {
  checkAttemptId(request.attemptId);
  return create(GetAttemptResponseSchema, { attempt: attemptOf(await get(deps.store, request.attemptId)) });
}

export async function listAttempts(deps: RegistrationHandlerDeps, request: ListAttemptsRequest): Promise<ListAttemptsResponse> {
  const bad: FieldViolation[] = [];
  if (request.pageSize < 0 || request.pageSize > maxPageSize) bad.push({ field: "page_size", description: `must be from 0 to ${maxPageSize}` });
  if (request.pageToken !== "" && !/^[0-9a-f-]{36}$/.test(request.pageToken)) bad.push({ field: "page_token", description: "is not a token of this server" });
  if (request.serviceId.length > 512) bad.push({ field: "service_id", description: "must be at most 512 characters" });
  if (request.name.length > 128) bad.push({ field: "name", description: "must be at most 128 characters" });
  const states = request.states.map(attemptStateOf);
  if (states.includes(undefined) || states.length > 5) bad.push({ field: "states", description: "must be at most 5 known states" });
  if (bad.length > 0) throw invalidFields(bad);
  const page = await list(deps.store, {
    limit: request.pageSize || defaultPageSize,
    ...(request.serviceId ? { serviceId: request.serviceId } : {}),
    ...(request.name ? { name: request.name } : {}),
    ...(states.length > 0 ? { states: states.filter((state) => state !== undefined) } : {}),
    ...(request.createdAfter ? { createdAfter: timestampMs(request.createdAfter) } : {}),
    ...(request.createdBefore ? { createdBefore: timestampMs(request.createdBefore) } : {}),
    ...(request.pageToken ? { beforeId: request.pageToken } : {}),
  });
  return create(ListAttemptsResponseSchema, { attempts: page.attempts.map(attemptOf), nextPageToken: page.nextBeforeId ?? "" });
}

export async function cancelAttempt(deps: RegistrationHandlerDeps, request: CancelAttemptRequest, context: HandlerContext): Promise<CancelAttemptResponse> {
  checkAttemptId(request.attemptId);
  if (request.reason.length > 1_024) throw invalidFields([{ field: "reason", description: "must be at most 1024 characters" }]);
  return create(CancelAttemptResponseSchema, { attempt: attemptOf(await cancel(deps, request.attemptId, callerOf(context), request.reason)) });
}
