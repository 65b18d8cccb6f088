import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  UpdateTagsResponseSchema,
  type UpdateTagsRequest,
  type UpdateTagsResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { updateTags as update } from "../../registration/update-tags.ts";
import { callerOf } from "../platform/caller.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

export async function updateTags(deps: RegistrationHandlerDeps, request: UpdateTagsRequest, context: HandlerContext): Promise<UpdateTagsResponse> {
  const { tags, shown, at } = await update(deps.updateTags, { serviceId: request.serviceId, tags: request.tags }, callerOf(context));
  return create(UpdateTagsResponseSchema, {
    success: true,
    message: shown ? "tags replaced" : "tags replaced; the catalog is unavailable and will be updated later",
    appliedTags: [...tags],
    updatedAt: timestampFromMs(at),
  });
}
