import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  UnregisterResponseSchema,
  type UnregisterRequest,
  type UnregisterResponse,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { unregister as unregisterInstance } from "../../registration/unregister.ts";
import { callerOf } from "../platform/caller.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

export async function unregister(deps: RegistrationHandlerDeps, request: UnregisterRequest, context: HandlerContext): Promise<UnregisterResponse> {
  const { name, host, port } = request;
  const { ended, withdrawn } = await unregisterInstance(deps.unregister, { name, host, port }, callerOf(context));
  const done = ended ? "unregistered" : "was already unregistered";
  return create(UnregisterResponseSchema, {
    success: true,
    message: withdrawn ? done : `${done}; the catalog or the schema registry is unavailable and will be updated later`,
    timestamp: timestampFromMs(deps.clock.now()),
  });
}
