/**
 * The events of a request as they come. A broken stream is reopened after the last event seen, so that no event is missing
 * or shown twice. The exit code says how the request ended, when the end was waited for.
 */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  ApprovalEventSchema,
  Decision,
  WatchApprovalResponseSchema,
  type ApprovalEvent,
  type WatchApprovalResponse,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import type { Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes, type ExitCode } from "../frame/exit-codes.ts";
import { wholeNumber } from "../frame/numbers.ts";
import { jsonOf, showItem, formatOf, type Format } from "../frame/output.ts";
import { reopening } from "../frame/reopening.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { columnsOf, Interrupted, type Terminal } from "../frame/terminal.ts";
import { isOpen, lineOf, stateText, statePaint } from "./approval-view.ts";

export const watchRequest: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const after = BigInt(wholeNumber("after", input) ?? 0);
  const connection = connect(input, terminal);
  // On the stream nothing comes before the next event, whether the server is there or not.
  await connection.approvals.getApproval({ id }, connection.once());
  return follow(id, connection, terminal, { after, untilDecided: input.on("until-decided"), format: formatOf(input) });
};

export interface Following {
  /** Only events after this sequence. */
  readonly after: bigint;
  readonly untilDecided: boolean;
  readonly format: Format;
}

/** Shows events until the end, of a request that the server has; resolves to the exit code. */
export async function follow(id: string, connection: Connection, terminal: Terminal, { after, untilDecided, format }: Following): Promise<ExitCode> {
  const style = styleFor(terminal.colour.out);
  let last: ApprovalEvent | undefined;
  const begin = create(WatchApprovalResponseSchema, { item: { case: "heartbeat", value: { lastSequence: after } } });
  const open = (seen: WatchApprovalResponse = begin): AsyncIterable<WatchApprovalResponse> =>
    connection.approvals.watchApproval({ id, afterSequence: sequenceOf(seen), waitForDecision: untilDecided }, connection.open());
  try {
    for await (const { item } of reopening(terminal, connection.isOver, open, begin)) {
      if (item.case !== "event") continue;
      last = item.value;
      if (format === "table") terminal.out(eventLine(last, style, columnsOf(terminal)));
      else await showItem(format, terminal, jsonOf(ApprovalEventSchema, last));
    }
  } catch (error) {
    const { signal } = terminal;
    const isOver = connection.isOver() && error instanceof ConnectError && error.code === Code.DeadlineExceeded;
    if (isOver && untilDecided) return exitCodes.pending.code;
    const isEnd = !untilDecided && (isOver || (signal.aborted && signal.reason instanceof Interrupted));
    if (!isEnd) throw error;
    return exitCodes.done.code;
  }
  if (!untilDecided) return exitCodes.done.code;
  // Nothing came: it was decided before the first event asked for.
  if (last) return exitCodeOf(last.decision);
  const { approval } = await connection.approvals.getApproval({ id }, connection.once());
  return exitCodeOf(approval?.decision ?? Decision.UNSPECIFIED);
}

function sequenceOf({ item }: WatchApprovalResponse): bigint {
  return (item.case === "event" ? item.value.sequence : item.value?.lastSequence) ?? 0n;
}

/** How a request ended, or that it has not. */
export function exitCodeOf(decision: Decision): ExitCode {
  if (decision === Decision.APPROVED) return exitCodes.done.code;
  if (decision === Decision.REJECTED) return exitCodes.rejected.code;
  return isOpen({ decision }) ? exitCodes.pending.code : exitCodes.undecided.code;
}

/** `   3  2026-01-02T03:04:05Z  in-review  bob approved stage team: fine` */
export function eventLine(event: ApprovalEvent, style: Style, columns?: number): string {
  const { sequence, at, text, decision } = event;
  const when = at ? new Date(timestampMs(at)).toISOString().replace(/\.\d+Z$/, "Z") : "-";
  const state = stateText({ decision, closing: 0 }).padEnd("in-review".length);
  const head = `${String(sequence).padStart(4)}  ${when}  ${state}  `;
  return `${head.replace(when, style.dim(when)).replace(state, statePaint({ decision }, style)(state))}${lineOf(text, head.length, columns)}`;
}
