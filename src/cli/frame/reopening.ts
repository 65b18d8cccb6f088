/**
 * A stream that is opened again when it breaks.
 *
 * An error before the first item is thrown to the caller, unless `before` stands for one that was seen before. After that
 * a call that fails as unavailable or by its deadline is repeated after a pause, which doubles up to ten seconds; other errors end the stream, and so does the command's
 * time limit. A stream that the server ends with OK has ended.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { isAnswer } from "./failure.ts";
import { printable } from "../../kernel/log.ts";
import type { Terminal } from "./terminal.ts";

const firstPauseMs = 500;
const maxPauseMs = 10_000;

/** `open` receives the last item, to continue after it; `isOver` says whether the command's time limit is reached; until then the deadline of a call is the server's. */
export async function* reopening<T>(terminal: Terminal, isOver: () => boolean, open: (last: T | undefined) => AsyncIterable<T>, before?: T): AsyncGenerator<T> {
  let last = before;
  let pauseMs = firstPauseMs;
  for (;;) {
    try {
      for await (const item of open(last)) {
        pauseMs = firstPauseMs;
        last = item;
        yield item;
      }
      return;
    } catch (error) {
      if (last === undefined || terminal.signal.aborted || isOver() || !(error instanceof ConnectError) || !mayPass(error)) throw error;
      terminal.err(`muster: the connection was lost (${printable(error.rawMessage)}); retrying\n`);
    }
    await terminal.clock.sleep(pauseMs, terminal.signal);
    pauseMs = Math.min(maxPauseMs, pauseMs * 2);
  }
}

function mayPass(error: ConnectError): boolean {
  return error.code === Code.DeadlineExceeded || error.code === Code.Unavailable || error.code === Code.ResourceExhausted || !isAnswer(error);
}
