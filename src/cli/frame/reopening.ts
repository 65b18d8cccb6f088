/**
 * A stream that is opened again when it breaks.
 *
 * The first opening must succeed: until something has come, an error is the caller's. After that a call that is unavailable
 * or out of time is made again after a pause, which doubles up to ten seconds; other errors end the stream, and so does the
 * time that a command was given. A stream that the server ends with OK has ended.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { isAnswer } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

const firstPauseMs = 500;
const maxPauseMs = 10_000;

/** `open` is given the last item that came, to go on after it; `isLimited` when its calls end with the command's time. */
export async function* reopening<T>(terminal: Terminal, isLimited: boolean, open: (last: T | undefined) => AsyncIterable<T>): AsyncGenerator<T> {
  let last: T | undefined;
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
      if (last === undefined || terminal.signal.aborted || !(error instanceof ConnectError) || !mayPass(error, isLimited)) throw error;
      terminal.err(`muster: the connection was lost (${error.rawMessage}); trying again\n`);
    }
    await terminal.clock.sleep(pauseMs, terminal.signal);
    pauseMs = Math.min(maxPauseMs, pauseMs * 2);
  }
}

function mayPass(error: ConnectError, isLimited: boolean): boolean {
  if (error.code === Code.DeadlineExceeded) return !isLimited;
  return error.code === Code.Unavailable || error.code === Code.ResourceExhausted || !isAnswer(error);
}
