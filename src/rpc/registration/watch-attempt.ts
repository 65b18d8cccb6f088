import { invalidFields } from "../../kernel/errors.ts";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  WatchAttemptResponseSchema,
  type WatchAttemptRequest,
  type WatchAttemptResponse,
} from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { getAttempt } from "../../registration/queries.ts";
import { checkAttemptId } from "../../registration/validate.ts";
import { withQuiet } from "../platform/quiet.ts";
import { registrationEventOf } from "./convert.ts";
import type { RegistrationHandlerDeps } from "./deps.ts";

const quietMs = 5_000;

/** The attempt's events after a sequence, gap-free, with a heartbeat after every five quiet seconds. */
export async function* watchAttempt(
  deps: RegistrationHandlerDeps,
  request: WatchAttemptRequest,
  context: HandlerContext,
): AsyncGenerator<WatchAttemptResponse> {
  checkAttemptId(request.attemptId);
  if (request.afterSequence < 0n) throw invalidFields([{ field: "after_sequence", description: "must not be negative" }]);
  await getAttempt(deps.store, request.attemptId);
  let lastSequence = Number(request.afterSequence);
  const events = deps.progress.follow(request.attemptId, lastSequence, context.signal);
  for await (const event of withQuiet(events, deps.clock, quietMs)) {
    if (event === undefined) {
      const heartbeat = { at: timestampFromMs(deps.clock.now()), lastSequence: BigInt(lastSequence) };
      yield create(WatchAttemptResponseSchema, { item: { case: "heartbeat", value: heartbeat } });
      continue;
    }
    lastSequence = event.sequence;
    yield create(WatchAttemptResponseSchema, { item: { case: "event", value: registrationEventOf(event) } });
  }
}
