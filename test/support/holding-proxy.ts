import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface HoldingProxy extends AsyncDisposable {
  readonly url: string;
  /** Resolves when a held request is there. */
  readonly held: Promise<void>;
  /** Passes on what is held, whether or not its sender still waits; resolves when that is answered. */
  release(): Promise<void>;
}

/** Passes HTTP requests on to `target`; the first that `isHeld` waits for `release`, as in a busy server's queue. */
export async function startHoldingProxy(target: string, isHeld: (request: IncomingMessage) => boolean): Promise<HoldingProxy> {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  let isHolding = false;

  const server = createServer(async (incoming, outgoing) => {
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
    const isThis = !isHolding && isHeld(incoming);
    if (isThis) {
      isHolding = true;
      held.resolve();
      await released.promise;
    }
    const { method = "GET", url = "/", headers } = incoming;
    const onward = request(new URL(url, target), { method, headers });
    onward.end(body);
    const [answer] = (await once(onward, "response")) as [IncomingMessage];
    const content = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>));
    if (isThis) answered.resolve();
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(content);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held: held.promise,
    async release() {
      released.resolve();
      await answered.promise;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
