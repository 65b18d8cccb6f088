import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AttemptSchema, AttemptState, type Attempt, type ListAttemptsRequest } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import { attemptDetails, attemptTable } from "./attempt-view.ts";
import type { Input, Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { limitOf } from "../frame/numbers.ts";
import { formatOf, jsonOf, show, showItem } from "../frame/output.ts";
import { redraw } from "../frame/redraw.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { durationMs } from "../frame/times.ts";

const pageSize = 500;
const defaultLimit = 50;
const watchEveryMs = 1_000;

const states: Readonly<Record<string, AttemptState>> = {
  running: AttemptState.RUNNING,
  unwinding: AttemptState.UNWINDING,
  completed: AttemptState.COMPLETED,
  "rolled-back": AttemptState.ROLLED_BACK,
  stuck: AttemptState.STUCK,
};

export const listAttempts: Run = async (input, terminal) => {
  const connection = connect(input, terminal);
  const limit = limitOf(input, defaultLimit);
  const since = input.text("since");
  const sinceMs = since === undefined ? undefined : durationMs("since", since);
  const list = (): Promise<readonly Attempt[]> => {
    const createdAfter = sinceMs === undefined ? {} : { createdAfter: timestampFromMs(terminal.clock.now() - sinceMs) };
    return pagesOf(connection, { ...filterOf(input), ...createdAfter }, limit);
  };
  const style = styleFor(terminal.colour.out);
  const text = (attempts: readonly Attempt[]): string => {
    const columns = columnsOf(terminal);
    return attempts.length === 0 ? "No matching attempts.\n" : attemptTable(attempts, terminal.clock.now(), style, columns);
  };
  if (input.on("watch")) return watchList(list, text, input, terminal);
  const attempts = await list();
  await show(input, terminal, { attempts: attempts.map((attempt) => jsonOf(AttemptSchema, attempt)) }, () => text(attempts));
  return exitCodes.done.code;
};

/** Polls every second; ends with the terminal's signal. On a terminal the table is redrawn, elsewhere changed attempts are printed. */
async function watchList(
  list: () => Promise<readonly Attempt[]>,
  text: (attempts: readonly Attempt[]) => string,
  input: Input,
  terminal: Terminal,
): Promise<number> {
  const format = formatOf(input);
  const seen = new Map<string, string>();
  for (;;) {
    const attempts = await list();
    if (format === "table" && terminal.isInteractive) redraw(terminal, text(attempts));
    const changed = attempts.toReversed().filter(({ attemptId, state, lastSequence }) => seen.get(attemptId) !== `${state} ${lastSequence}`);
    for (const attempt of changed) seen.set(attempt.attemptId, `${attempt.state} ${attempt.lastSequence}`);
    if (format !== "table") for (const attempt of changed) await showItem(format, terminal, jsonOf(AttemptSchema, attempt));
    else if (!terminal.isInteractive && changed.length > 0) terminal.out(text(changed));
    if (!(await sleeps(terminal, watchEveryMs))) return exitCodes.done.code;
  }
}

/** False when the terminal's signal ended the sleep and the command with it. */
async function sleeps(terminal: Terminal, ms: number): Promise<boolean> {
  await terminal.clock.sleep(ms, terminal.signal).catch(() => undefined);
  return !terminal.signal.aborted;
}

export const cancelAttempt: Run = async (input, terminal) => {
  const { registration, once } = connect(input, terminal);
  const [attemptId = ""] = input.args;
  const { attempt } = await registration.cancelAttempt({ attemptId, reason: input.text("reason") ?? "" }, once());
  const style = styleFor(terminal.colour.out);
  if (attempt) {
    const follow = `The undo continues: ${terminal.program} attempts show ${attemptId} --watch\n`;
    await show(input, terminal, jsonOf(AttemptSchema, attempt), () => attemptDetails(attempt, terminal.clock.now(), style) + follow);
  }
  return exitCodes.done.code;
};

function filterOf(input: Input): Partial<Pick<ListAttemptsRequest, "name" | "serviceId" | "states">> {
  return {
    name: input.text("name") ?? "",
    serviceId: input.text("service-id") ?? "",
    states: input.texts("state").flatMap((state) => states[state] ?? []),
  };
}

async function pagesOf(
  { registration, once }: Connection,
  filter: Partial<Omit<ListAttemptsRequest, "$typeName">>,
  limit: number,
): Promise<readonly Attempt[]> {
  const attempts: Attempt[] = [];
  let pageToken = "";
  do {
    const page = await registration.listAttempts({ ...filter, pageToken, pageSize: Math.min(pageSize, limit - attempts.length) }, once());
    attempts.push(...page.attempts);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && attempts.length < limit);
  return attempts;
}
