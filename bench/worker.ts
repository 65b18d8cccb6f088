/** A child process for one request at a time, so that its work does not share an event loop with the measurement. */
import { fork } from "node:child_process";
import { once } from "node:events";

export interface Worker<Request, Reply> extends AsyncDisposable {
  /** Rejects with the text of what the child threw, and when it ends. Must not be called again before it has settled. */
  ask(request: Request): Promise<Reply>;
}

type Answer<Reply> = { readonly reply: Reply } | { readonly error: string };

export function startWorker<Request extends object, Reply>(program: URL, args: readonly string[] = []): Worker<Request, Reply> {
  const child = fork(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit");
  return {
    async ask(request) {
      child.send(request);
      const [answer] = (await Promise.race([once(child, "message"), ended.then(() => [{ error: `${program.pathname} ended` }])])) as [Answer<Reply>];
      if ("error" in answer) throw new Error(answer.error);
      return answer.reply;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** The child's side. Ends the process when the parent disconnects. */
export function answerParent<Request, Reply>(answer: (request: Request) => Promise<Reply>): void {
  process.on("message", (request: Request) => {
    answer(request).then(
      (reply) => process.send?.({ reply } satisfies Answer<Reply>),
      (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) } satisfies Answer<Reply>),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
