import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { startHttpServer } from "./http-server.ts";

export interface HttpProxy extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  /** Answers so, without asking the target, where `instead` gives something; undefined: forwards everything. */
  instead: ((path: string) => { readonly status: number; readonly body: string } | undefined) | undefined;
  /** Keeps the target's answer back until this has resolved, where it gives something. */
  until: ((path: string) => Promise<void> | undefined) | undefined;
}

/** Forwards HTTP to `target` (`http://host:port`), except for what a test has it answer itself. */
export async function startHttpProxy(target: string): Promise<HttpProxy> {
  const server = await startHttpServer((incoming, outgoing) => {
    const made = proxy.instead?.(incoming.url ?? "");
    if (made) outgoing.writeHead(made.status, { "content-type": "application/json", "x-consul-index": "1" }).end(made.body);
    else forward(target, incoming, outgoing, () => proxy.until?.(incoming.url ?? ""));
  });
  const proxy: HttpProxy = {
    url: server.url,
    instead: undefined,
    until: undefined,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return proxy;
}

function forward(target: string, incoming: IncomingMessage, outgoing: ServerResponse, until: () => Promise<void> | undefined): void {
  const onward = request(new URL(incoming.url ?? "/", target), { method: incoming.method, headers: incoming.headers }, async (answer) => {
    await until();
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
}
