/**
 * A line below what is printed that changes in place while something is awaited.
 *
 * Printing removes the line first, so that no text is mixed with it; ending removes it permanently. It draws at
 * most ten times a second, and nothing when stdout is not a terminal.
 */
import type { Terminal } from "./terminal.ts";

const everyMs = 100;
const clear = "\r\u001b[2K";

export interface LiveLine extends AsyncDisposable {
  print(line: string): void;
}

/** `text` makes the line from its age; each print restarts the time. */
export function startLiveLine(terminal: Terminal, text: (elapsedMs: number) => string): LiveLine {
  if (!terminal.isInteractive) return { print: (line) => terminal.out(`${line}\n`), [Symbol.asyncDispose]: async () => undefined };
  const over = new AbortController();
  let since = terminal.clock.now();
  let shown = false;
  const erase = (): void => {
    if (shown) terminal.out(clear);
    shown = false;
  };
  const drawing = (async () => {
    for (;;) {
      await terminal.clock.sleep(everyMs, AbortSignal.any([over.signal, terminal.signal]));
      terminal.out(`${clear}${text(terminal.clock.now() - since)}`);
      shown = true;
    }
  })().catch(() => undefined);
  return {
    print(line) {
      erase();
      terminal.out(`${line}\n`);
      since = terminal.clock.now();
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await drawing;
      erase();
    },
  };
}
