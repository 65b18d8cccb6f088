/** Stand-ins: who votes in the caller's place, and until when. */
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { ListStandInsResponseSchema, PutStandInResponseSchema, type StandIn } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { jsonOf, show } from "../frame/output.ts";
import { styleFor, type Style } from "../frame/style.ts";
import { table } from "../frame/table.ts";
import type { Terminal } from "../frame/terminal.ts";
import { left, timeOf } from "../frame/times.ts";

export const putStandIn: Run = async (input, terminal) => {
  const [to = ""] = input.args;
  const until = timestampFromMs(untilOf(input, terminal));
  const { approvals, once } = connect(input, terminal);
  const answer = await approvals.putStandIn({ to, until, policyKeys: [...input.texts("policy")] }, once());
  const { standIn } = answer;
  await show(input, terminal, jsonOf(PutStandInResponseSchema, answer), () => (standIn ? tableOf([standIn], terminal) : ""));
  return exitCodes.done.code;
};

export const listStandIns: Run = async (input, terminal) => {
  const { approvals, once } = connect(input, terminal);
  const answer = await approvals.listStandIns({}, once());
  await show(input, terminal, jsonOf(ListStandInsResponseSchema, answer), () =>
    answer.standIns.length === 0 ? "No stand-ins.\n" : tableOf(answer.standIns, terminal),
  );
  return exitCodes.done.code;
};

export const deleteStandIn: Run = async (input, terminal) => {
  const [id = ""] = input.args;
  const { approvals, once } = connect(input, terminal);
  await approvals.deleteStandIn({ id }, once());
  await show(input, terminal, {}, () => `${styleFor(terminal.colour.out).good("✓")} ended\n`);
  return exitCodes.done.code;
};

function tableOf(standIns: readonly StandIn[], terminal: Terminal): string {
  const columns = terminal.isInteractive ? terminal.size().columns : undefined;
  return standInTable(standIns, terminal.clock.now(), styleFor(terminal.colour.out), columns);
}

export function standInTable(standIns: readonly StandIn[], nowMs: number, style: Style, columns?: number): string {
  return table({
    heads: ["STAND-IN", "FOR", "VOTES", "LEFT", "UNTIL", "POLICIES"],
    rows: standIns.map(({ id, from, to, until, policyKeys }) => {
      const untilMs = until ? timestampMs(until) : nowMs;
      return [id, from?.name ?? "", to, left(untilMs, nowMs), new Date(untilMs).toISOString().replace(/\.\d+Z$/, "Z"), policyKeys.join(", ") || "all"];
    }),
    bold: style.bold,
    narrow: { drop: ["UNTIL"], shorten: "VOTES" },
    ...(columns === undefined ? {} : { columns }),
  });
}

/** `--until`: from now, as `7d`, or a time, as `2026-01-31` or `2026-01-31T18:00:00Z`. */
function untilOf(input: Input, terminal: Terminal): number {
  const text = input.text("until");
  if (text === undefined) throw new UsageError(["--until is missing: for how long, such as 7d, or until when, such as 2026-01-31T18:00:00Z"]);
  return timeOf("until", text, terminal.clock.now(), "from now");
}
