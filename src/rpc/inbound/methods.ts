/** Every RPC of InboundService. All are for admins: bodies of events may have anything. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  GetInboundEventResponseSchema,
  InboundService,
  InboundStatus as WireStatus,
  ListInboundEventsResponseSchema,
  ListInboundSourcesResponseSchema,
  PruneInboundEventsResponseSchema,
  RetryInboundEventResponseSchema,
  type InboundEventSchema,
  type InboundSourceSchema,
  type ListInboundEventsRequest,
  type ListInboundEventsResponse,
  type PruneInboundEventsRequest,
  type PruneInboundEventsResponse,
} from "../../../gen/muster/approval/v1/inbound_service_pb.ts";
import type { InboundDeps } from "../../inbound/deps.ts";
import { shownUrl } from "../../inbound/poll-page.ts";
import { countEvents, listEvents, listSources, pruneEvents } from "../../inbound/queries.ts";
import { getEvent, retryEvent } from "../../inbound/retry.ts";
import type { PollState } from "../../inbound/records.ts";
import { inboundStatuses, type InboundRecord, type Source } from "../../inbound/types.ts";
import { callerOf } from "../platform/caller.ts";
import { violations } from "../platform/check.ts";
import { paged, pageOf } from "../platform/page.ts";
import { served, type Methods, type ServedService } from "../transport/served.ts";

const leastPruneMs = 3_600_000;

export function inboundService(deps: InboundDeps): ServedService {
  return served(InboundService, inboundMethods(deps));
}

function inboundMethods(deps: InboundDeps): Methods<typeof InboundService> {
  return {
    listInboundEvents: { access: "admin", call: (request, context) => listSome(deps, request, context) },
    getInboundEvent: {
      access: "admin",
      call: async ({ id }, context) => create(GetInboundEventResponseSchema, { event: eventOf(await getEvent(deps, callerOf(context).tenant, checked(id))) }),
    },
    retryInboundEvent: {
      access: "admin",
      call: async ({ id }, context) =>
        create(RetryInboundEventResponseSchema, { event: eventOf(await retryEvent(deps, callerOf(context).tenant, checked(id))) }),
    },
    pruneInboundEvents: { access: "admin", call: (request, context) => pruneSome(deps, request, context) },
    listInboundSources: {
      access: "admin",
      call: async (_request, context) => {
        const sources = await listSources(deps, callerOf(context).tenant);
        return create(ListInboundSourcesResponseSchema, { sources: sources.map(([source, state]) => sourceOf(source, state)) });
      },
    },
  };
}

async function listSome(deps: InboundDeps, request: ListInboundEventsRequest, context: HandlerContext): Promise<ListInboundEventsResponse> {
  const { source, status: wireStatus, pageToken } = request;
  const { tenant } = callerOf(context);
  const bad = violations();
  const query = pageOf(request, tenant, bad);
  bad.ascii("source", source, 64, false);
  const status = inboundStatuses.find((name) => WireStatus[name] === wireStatus);
  if (wireStatus !== WireStatus.UNSPECIFIED && status === undefined) bad.add("status", "must be a known status");
  bad.done();
  const { items, nextPageToken } = paged(await listEvents(deps, { ...query, source: source || undefined, status }), query);
  const counts = pageToken === "" ? await countEvents(deps, tenant) : [];
  return create(ListInboundEventsResponseSchema, {
    events: items.map(eventOf),
    nextPageToken,
    counts: counts.map((one) => ({ source: one.source, status: WireStatus[one.status], count: BigInt(one.count) })),
  });
}

async function pruneSome(deps: InboundDeps, { olderThan }: PruneInboundEventsRequest, context: HandlerContext): Promise<PruneInboundEventsResponse> {
  const ms = olderThan === undefined ? 0 : durationMs(olderThan);
  const bad = violations();
  if (!(ms >= leastPruneMs)) bad.add("older_than", "must be an hour at least");
  bad.done();
  return create(PruneInboundEventsResponseSchema, { deleted: BigInt(await pruneEvents(deps, ms, callerOf(context))) });
}

function checked(id: string): string {
  const bad = violations();
  bad.id("id", id);
  bad.done();
  return id;
}

function eventOf(record: InboundRecord): MessageInitShape<typeof InboundEventSchema> {
  const { id, source, eventId, eventType, status, reason, detail, approvalId, claimedActor, tries, receivedAt, settledAt, body } = record;
  const times = { receivedAt: timestampFromMs(receivedAt), settledAt: timestampFromMs(settledAt) };
  return { id, source, eventId, eventType, status: WireStatus[status], reason, detail, approvalId: approvalId ?? "", claimedActor, tries, ...times, body };
}

function sourceOf({ name, secrets, isUnsigned, topics, poll }: Source, state: PollState | undefined): MessageInitShape<typeof InboundSourceSchema> {
  const sends = secrets.length > 0 || topics.length > 0 || isUnsigned;
  if (!poll) return { name, sends, topics: [...topics] };
  const { cursor = "", succeededAt, failedAt, error = "", failures = 0, dueAt = 0, isStarved: starved = false }: Partial<PollState> = state ?? {};
  return {
    name,
    sends,
    topics: [...topics],
    poll: {
      url: shownUrl(poll),
      every: durationFromMs(poll.everyMs),
      cursor,
      error,
      failures,
      starved,
      ...(succeededAt === undefined ? {} : { succeededAt: timestampFromMs(succeededAt) }),
      ...(failedAt === undefined ? {} : { failedAt: timestampFromMs(failedAt) }),
      ...(dueAt === 0 ? {} : { nextAt: timestampFromMs(dueAt) }),
    },
  };
}
