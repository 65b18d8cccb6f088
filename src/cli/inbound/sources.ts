/** The systems outside that decide. */
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { ListInboundSourcesResponseSchema, type InboundPoll, type InboundSource } from "../../../gen/muster/approval/v1/inbound_service_pb.ts";
import type { Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { table, type Cell } from "../frame/table.ts";
import { age } from "../frame/times.ts";

export const listSources: Run = async (input, terminal) => {
  const { inbound, once } = connect(input, terminal);
  const answer = await inbound.listInboundSources({}, once());
  await show(input, terminal, jsonOf(ListInboundSourcesResponseSchema, answer), () => {
    const columns = terminal.isInteractive ? terminal.size().columns : undefined;
    const style = styleFor(terminal.colour.out);
    return answer.sources.length === 0 ? "No sources.\n" : sourceTable(answer.sources, terminal.clock.now(), style, columns);
  });
  return exitCodes.done.code;
};

export function sourceTable(sources: readonly InboundSource[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["SOURCE", "BY", "STATE", "LAST", "CURSOR", "WHY"],
    rows: sources.map(({ name, sends, topics, poll }) => [
      name,
      [...(sends ? [topics.length > 0 ? "Amazon SNS" : "webhook"] : []), ...(poll?.every ? [`poll, ${durationMs(poll.every) / 1_000} s`] : [])].join(", "),
      poll ? stateCell(poll, style) : "-",
      poll?.succeededAt ? age(timestampMs(poll.succeededAt), nowMs) : "-",
      poll?.cursor || "-",
      poll ? whyText(poll) : "-",
    ]),
    bold: style.bold,
    narrow: { drop: ["CURSOR", "LAST"], shorten: "WHY" },
    ...(columns === undefined ? {} : { columns }),
  });
}

function stateCell({ failures, starved, succeededAt }: InboundPoll, { good, bad, warn, dim }: Style): Cell {
  if (failures > 0) return { text: "failing", paint: bad };
  if (starved) return { text: "starved", paint: warn };
  return succeededAt ? { text: "read", paint: good } : { text: "not yet", paint: dim };
}

function whyText({ url, failures, error, starved }: InboundPoll): string {
  if (failures > 0) return `${url}: ${error}`;
  return starved ? `${url}: its page is full, there may be events that it does not reach` : "-";
}
