import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface HttpServer extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  /** `http://host:port` */
  readonly url: string;
}

/** Answers as the listener does, by default on a free port of 127.0.0.1; disposed of, it ends all connections. */
export async function startHttpServer(listener: RequestListener, host = "127.0.0.1", port = 0): Promise<HttpServer> {
  const server = createServer(listener).listen(port, host);
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  return {
    server,
    port: bound,
    url: `http://${host}:${bound}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
