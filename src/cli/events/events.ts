/**
 * The log of events: listed, or followed. A broken stream is reopened after the last position seen, of an event or a
 * heartbeat, so that no event is missing or shown twice.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Event, ListEventsResponse, WatchEventsResponse } from "../../../gen/muster/event/v1/event_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { limitOf, wholeNumber } from "../frame/numbers.ts";
import { formatOf, show, showItem } from "../frame/output.ts";
import { reopening } from "../frame/reopening.ts";
import { styleFor } from "../frame/style.ts";
import { Interrupted } from "../frame/terminal.ts";
import { eventJson, eventLine, eventTable } from "./event-view.ts";

const pageSize = 500;
const defaultLimit = 50;

export const listEvents: Run = async (input, terminal) => {
  const filter = filterOf(input);
  const most = limitOf(input, defaultLimit);
  let afterPosition = positionOf(input);
  const { events, once } = connect(input, terminal);
  const found: Event[] = [];
  let page: ListEventsResponse;
  do {
    const left = most - found.length;
    page = await events.listEvents({ filter, pageSize: Math.min(pageSize, left), ...(afterPosition === undefined ? {} : { afterPosition }) }, once());
    found.push(...page.events);
    afterPosition = page.scannedPosition;
  } while (page.scannedPosition < page.lastPosition && found.length < most);
  const { scannedPosition, lastPosition } = page;
  const value = { events: found.map(eventJson), scannedPosition: `${scannedPosition}`, lastPosition: `${lastPosition}` };
  await show(input, terminal, value, () => {
    const columns = terminal.isInteractive ? terminal.size().columns : undefined;
    const style = styleFor(terminal.colour.out);
    const more = scannedPosition < lastPosition ? `${style.dim(`The log continues to ${lastPosition}: --after ${scannedPosition}`)}\n` : "";
    return (found.length === 0 ? "No matching events.\n" : eventTable(found, terminal.clock.now(), style, columns)) + more;
  });
  return exitCodes.done.code;
};

export const tailEvents: Run = async (input, terminal) => {
  const filter = filterOf(input);
  const after = positionOf(input);
  const connection = connect(input, terminal);
  const format = formatOf(input);
  const style = styleFor(terminal.colour.out);
  const { signal } = terminal;
  const shownOn = () =>
    terminal.isInteractive ? { today: new Date(terminal.clock.now()).toISOString().slice(0, 10), columns: terminal.size().columns } : undefined;
  let hasBegun = false;
  const open = (last: WatchEventsResponse | undefined): AsyncIterable<WatchEventsResponse> => {
    const afterPosition = last?.item.value?.position ?? after;
    return connection.events.watchEvents({ filter, ...(afterPosition === undefined ? {} : { afterPosition }) }, connection.open());
  };
  try {
    for await (const { item } of reopening(terminal, connection.isOver, open)) {
      if (item.case === "heartbeat" && !hasBegun && terminal.isInteractive && format === "table") {
        terminal.out(`${style.dim(`Events after position ${item.value.position}. Ctrl-C ends.`)}\n`);
      }
      hasBegun = true;
      if (item.case !== "event") continue;
      if (format === "table") terminal.out(eventLine(item.value, style, shownOn()));
      else await showItem(format, terminal, eventJson(item.value));
    }
  } catch (error) {
    const isInterrupted = signal.aborted && signal.reason instanceof Interrupted;
    const isOver = connection.isOver() && hasBegun && error instanceof ConnectError && error.code === Code.DeadlineExceeded;
    if (!isInterrupted && !isOver) throw error;
  }
  return exitCodes.done.code;
};

function filterOf(input: Input): { readonly types: string[]; readonly subjectKind: string; readonly subjectId: string } {
  const subject = input.text("subject") ?? "";
  const [, subjectKind = "", subjectId = ""] = /^([a-z-]+)(?:\/(.+))?$/s.exec(subject) ?? [];
  if (subject !== "" && subjectKind === "")
    throw new UsageError([`--subject: "${subject}" must be a kind, or a kind and an id, such as instance/echo-127.0.0.1-9000`]);
  return { types: [...input.texts("type")], subjectKind, subjectId };
}

function positionOf(input: Input): bigint | undefined {
  const after = wholeNumber("after", input);
  return after === undefined ? undefined : BigInt(after);
}
