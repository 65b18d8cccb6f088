/** When a stream is opened again: pure, with a clock that the test moves. */
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { reopening } from "../../src/cli/frame/reopening.ts";
import type { Terminal } from "../../src/cli/frame/terminal.ts";
import { manualClock } from "../support/manual-clock.ts";

test.each([Code.DeadlineExceeded, Code.Unavailable])("a stream that ends with %i is opened again, until the command's own time is over", async (code) => {
  const clock = manualClock();
  const terminal = { clock, signal: new AbortController().signal, err: () => undefined } as unknown as Terminal;
  const asked: (number | undefined)[] = [];
  async function* open(last: number | undefined): AsyncGenerator<number> {
    asked.push(last);
    yield (last ?? 0) + 1;
    throw new ConnectError("ended", code);
  }
  const seen: number[] = [];
  const following = (async () => {
    for await (const item of reopening(terminal, () => asked.length === 3, open)) seen.push(item);
  })();
  const ended = following.catch((error: unknown) => error);
  await clock.pass(10_000);
  expect(await ended).toMatchObject({ code });
  expect([asked, seen]).toEqual([
    [undefined, 1, 2],
    [1, 2, 3],
  ]);
});
