/**
 * A list that is shown again at each change, until Ctrl-C or `--timeout`, both with exit code 0. On a terminal the table is redrawn,
 * also once a second to update the ages; elsewhere each change is a line, or each list a JSON line or YAML
 * document. A broken connection is reopened; missed changes show as changes of the next list.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { Input } from "../frame/command.ts";
import type { Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { changesBetween, instanceSummary, instanceTable, type Listed } from "./instance-view.ts";
import { formatOf, showItem } from "../frame/output.ts";
import { redraw } from "../frame/redraw.ts";
import { reopening } from "../frame/reopening.ts";
import { styleFor } from "../frame/style.ts";
import { Interrupted, type Terminal } from "../frame/terminal.ts";

const tickMs = 1_000;

export async function watchInstances(
  watch: (connection: Connection) => AsyncIterable<Listed>,
  connection: Connection,
  input: Input,
  terminal: Terminal,
): Promise<number> {
  const format = formatOf(input);
  const style = styleFor(terminal.colour.out);
  const { signal } = terminal;
  let shown: Listed | undefined;
  const draw = (): void => {
    if (!shown) return;
    const now = terminal.clock.now();
    const help = style.dim(`${new Date(now).toLocaleTimeString()}  Ctrl-C ends\n`);
    redraw(terminal, instanceSummary(shown.instances, 0, now, style) + help + instanceTable(shown.instances, now, style, terminal.size().columns));
  };
  const isDrawn = format === "table" && terminal.isInteractive;
  const over = new AbortController();
  const ticking = isDrawn ? tick(draw, terminal, AbortSignal.any([signal, over.signal])) : undefined;
  try {
    for await (const listed of reopening(terminal, connection.isOver, () => watch(connection))) {
      const before = shown?.instances ?? [];
      shown = listed;
      if (isDrawn) draw();
      else if (format !== "table") await showItem(format, terminal, listed.json);
      else for (const line of changesBetween(before, listed.instances, style)) terminal.out(`${new Date(terminal.clock.now()).toISOString()} ${line}\n`);
    }
  } catch (error) {
    const isInterrupted = signal.aborted && signal.reason instanceof Interrupted;
    const isOver = connection.isOver() && shown !== undefined && error instanceof ConnectError && error.code === Code.DeadlineExceeded;
    if (!isInterrupted && !isOver) throw error;
  } finally {
    over.abort();
    await ticking;
  }
  return exitCodes.done.code;
}

async function tick(draw: () => void, terminal: Terminal, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await terminal.clock.sleep(tickMs, signal).catch(() => undefined);
    if (!signal.aborted) draw();
  }
}
