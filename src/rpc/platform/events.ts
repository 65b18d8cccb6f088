/** `muster.event.v1.EventService`: the log of events of all domains. */
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema, timestampFromMs, type Any } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  EventSchema,
  EventService,
  ListEventsResponseSchema,
  WatchEventsResponseSchema,
  type Event,
  type EventFilter,
  type ListEventsRequest,
  type ListEventsResponse,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from "../../../gen/muster/event/v1/event_service_pb.ts";
import { payloadOf, type EventCodec } from "../../delivery/event-codec.ts";
import type { EventFeed, Watched } from "../../delivery/event-feed.ts";
import { type FieldViolation, invalidFields } from "../../kernel/errors.ts";
import type { EventRow } from "../../kernel/event-row.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { LogEvent, LogFilter } from "../../kernel/records.ts";
import { callerOf } from "./caller.ts";
import { served, type ServedService } from "../transport/served.ts";

export interface EventHandlerDeps {
  readonly feed: Pick<EventFeed, "list" | "watch">;
  readonly message: EventCodec["message"];
  readonly clock: Clock;
}

const defaultPageSize = 50;
const maxPageSize = 500;
const maxTypes = 50;
const quietMs = 20_000;

/** `rows`: every event type, so that JSON and reflection know the payloads. */
export function eventService(deps: EventHandlerDeps, rows: readonly EventRow[]): ServedService {
  const eventOf = createEventOf(deps.message);
  const itemOf = remembered((event: LogEvent) => {
    // Frozen: a sender to many readers may encode it once.
    return Object.freeze(create(WatchEventsResponseSchema, { item: { case: "event", value: eventOf(event) } }));
  });
  return served(
    EventService,
    {
      listEvents: { access: "viewer", call: (request, context) => listEvents(deps, request, context, eventOf) },
      watchEvents: { access: "viewer", life: "watch", onDrain: "end", call: (request, context) => watchEvents(deps, request, context, itemOf) },
    },
    { payloads: [...new Set(rows.map(({ schema }) => schema.file))] },
  );
}

async function listEvents(
  { feed }: EventHandlerDeps,
  request: ListEventsRequest,
  context: HandlerContext,
  eventOf: (event: LogEvent) => Event,
): Promise<ListEventsResponse> {
  const bad = violations(request);
  const { pageSize } = request;
  if (pageSize < 0 || pageSize > maxPageSize) bad.push({ field: "page_size", description: `must be from 0 to ${maxPageSize}` });
  throwIfAny(bad);
  const page = await feed.list(filterOf(request.filter), positionOf(request.afterPosition), pageSize || defaultPageSize, visibleTo(context));
  return create(ListEventsResponseSchema, {
    events: page.events.map(eventOf),
    scannedPosition: BigInt(page.scanned),
    lastPosition: BigInt(page.last),
  });
}

async function* watchEvents(
  { feed, clock }: EventHandlerDeps,
  request: WatchEventsRequest,
  context: HandlerContext,
  itemOf: (event: LogEvent) => WatchEventsResponse,
): AsyncGenerator<WatchEventsResponse> {
  throwIfAny(violations(request));
  const { signal } = context;
  const isVisible = visibleTo(context);
  const source = feed.watch(filterOf(request.filter), positionOf(request.afterPosition), signal);
  let pending: Promise<IteratorResult<Watched>> | undefined;
  /** Every event up to this position was scanned; the first item of the source has the start. */
  const scanned = { begun: false, position: 0 };

  /** The next matching events; none at the beginning and when a heartbeat is due. */
  const nextEvents = async (): Promise<readonly LogEvent[]> => {
    const quiet = quietTime(clock);
    try {
      for (;;) {
        const result = await Promise.race([(pending ??= source.next()), quiet.over]);
        if (result === undefined) return [];
        pending = undefined;
        if (result.done) throw signal.reason;
        const isFirst = !scanned.begun;
        Object.assign(scanned, { begun: true, position: result.value.scanned });
        const events = result.value.events.filter(isVisible);
        if (isFirst || events.length > 0) return events;
      }
    } finally {
      quiet.end();
    }
  };

  try {
    for (;;) {
      const events = await nextEvents();
      for (const event of events) yield itemOf(event);
      if (events.length === 0) yield heartbeat(scanned.position, clock);
    }
  } finally {
    await source.return(undefined);
  }
}

/** `over` resolves after twenty seconds, or at `end`. */
function quietTime(clock: Clock): { readonly over: Promise<undefined>; end(): void } {
  const ended = new AbortController();
  const nothing = (): undefined => undefined;
  return { over: clock.sleep(quietMs, ended.signal).then(nothing, nothing), end: () => ended.abort() };
}

function heartbeat(position: number, clock: Clock): WatchEventsResponse {
  const value = { at: timestampFromMs(clock.now()), position: BigInt(position) };
  return create(WatchEventsResponseSchema, { item: { case: "heartbeat", value } });
}

function createEventOf(message: EventCodec["message"]): (event: LogEvent) => Event {
  return (event) => {
    const payload = payloadMessage(message, event);
    return create(EventSchema, {
      position: BigInt(event.position),
      id: event.id,
      type: event.type,
      payloadType: payload?.typeUrl.slice(typePrefix.length) ?? "",
      subject: event.subject,
      key: event.key,
      time: timestampFromMs(event.at),
      traceparent: event.traceparent ?? "",
      ...(payload ? { payload } : {}),
    });
  };
}

const typePrefix = "type.googleapis.com/";

function payloadMessage(message: EventCodec["message"], event: LogEvent): Any | undefined {
  try {
    const read = message({ payload: payloadOf(event), at: event.at });
    return create(AnySchema, { typeUrl: `${typePrefix}${read.schema.typeName}`, value: toBinary(read.schema, read.message) });
  } catch {
    // Of a newer version, or damaged: the relay reports it.
    return undefined;
  }
}

/** `make`, called once for each of the events that are in memory for many readers. */
function remembered<T extends object>(make: (event: LogEvent) => T): (event: LogEvent) => T {
  const made = new WeakMap<LogEvent, T>();
  return (event) => {
    const former = made.get(event);
    if (former) return former;
    const now = make(event);
    made.set(event, now);
    return now;
  };
}

/** Events that name a tenant are for callers of that tenant alone. */
function visibleTo(context: HandlerContext): (event: LogEvent) => boolean {
  const { tenant } = callerOf(context);
  return (event) => {
    const of = tenantOf(event);
    return of.tenant === undefined || of.tenant === tenant;
  };
}

const tenantOf = remembered((event: LogEvent): { readonly tenant: string | undefined } => {
  try {
    const payload: object = payloadOf(event);
    return { tenant: "tenant" in payload && typeof payload.tenant === "string" ? payload.tenant : undefined };
  } catch {
    return { tenant: undefined };
  }
});

function positionOf(after: bigint | undefined): number | undefined {
  return after === undefined ? undefined : Number(after);
}

function filterOf(filter: EventFilter | undefined): LogFilter {
  const { types = [], subjectKind = "", subjectId = "" } = filter ?? {};
  return { types, subject: subjectKind === "" ? undefined : { kind: subjectKind, ...(subjectId === "" ? {} : { id: subjectId }) } };
}

function violations({ afterPosition, filter }: Pick<ListEventsRequest, "afterPosition" | "filter">): FieldViolation[] {
  const bad: FieldViolation[] = [];
  const { types = [], subjectKind = "", subjectId = "" } = filter ?? {};
  if (afterPosition !== undefined && (afterPosition < 0n || afterPosition > BigInt(Number.MAX_SAFE_INTEGER))) {
    bad.push({ field: "after_position", description: "must be from 0 to 9007199254740991" });
  }
  if (types.length > maxTypes || types.some((type) => type === "" || type.length > 255)) {
    bad.push({ field: "filter.types", description: `must be at most ${maxTypes}, each of 1 to 255 characters` });
  }
  if (subjectKind !== "" && !/^[a-z-]{1,64}$/.test(subjectKind))
    bad.push({ field: "filter.subject_kind", description: "must be at most 64 of a-z and dashes" });
  if (subjectId.length > 512) bad.push({ field: "filter.subject_id", description: "must be at most 512 characters" });
  if (subjectId !== "" && subjectKind === "") bad.push({ field: "filter.subject_kind", description: "must be given with subject_id" });
  return bad;
}

function throwIfAny(fields: readonly FieldViolation[]): void {
  if (fields.length > 0) throw invalidFields(fields);
}
