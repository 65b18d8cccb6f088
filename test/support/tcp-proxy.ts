import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ownPort } from "./own-port.ts";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** How many are open through it now. */
  connections(): number;
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Keeps and accepts connections, but passes nothing on. */
  freeze(): void;
  /** Back to normal after either; what was frozen goes on. */
  restore(): Promise<void>;
}

const takenForMs = 150_000;
const lockOffset = 1_000;

/**
 * Forwards from `port` (default one of its own) to `target`, both on 127.0.0.1, until it is changed. A given port belongs to
 * one test at a time, also while it is cut: the others wait for it. What says so is a second port, held all the while.
 */
export async function startTcpProxy({ port: given, target }: { readonly port?: number; readonly target: number }): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let frozen = false;
  let server: Server | undefined;

  function forward(near: Socket): void {
    const far = connect(target, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on("data", (chunk) => to.write(chunk));
      from.on("error", () => {});
      from.on("close", () => {
        pairs.delete(pair);
        to.destroy();
      });
      if (frozen) from.pause();
    }
  }

  async function listen(at: number): Promise<Server> {
    const listening = createServer(forward).listen(at, "127.0.0.1");
    await once(listening, "listening");
    return listening;
  }

  async function cut(): Promise<void> {
    const closed = server && once(server, "close");
    server?.close();
    server = undefined;
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
    await closed;
  }

  const lock = given === undefined ? undefined : await hold(given + lockOffset);
  const port = given ?? (await ownPort());
  server = await listen(port);

  return {
    port,
    connections: () => pairs.size,
    cut,
    freeze() {
      frozen = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    async restore() {
      frozen = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
      server ??= await listen(port);
    },
    async [Symbol.asyncDispose]() {
      await cut();
      lock?.close();
    },
  };
}

/** Listens on `port` as soon as nobody else does. */
async function hold(port: number): Promise<Server> {
  for (const end = Date.now() + takenForMs; ;) {
    const listening = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
    try {
      await once(listening, "listening");
      return listening;
    } catch (error) {
      const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!taken || Date.now() > end) throw error;
      await pause(100);
    }
  }
}
