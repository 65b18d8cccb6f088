/** Ports that stay a test's own while nothing listens there: for what is stopped and started again, or must refuse. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A free port of 127.0.0.1 below those that the system gives to whoever asks for any: so nobody else is given it while the
 * test has its listener down. Above it, any other test of the run may get a port that was let go a moment ago.
 */
export async function ownPort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(20_000, 27_000);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    await once(server.close(), "close");
    return port;
  }
  throw new Error("no free port between 20000 and 27000");
}
