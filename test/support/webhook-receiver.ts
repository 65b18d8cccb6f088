/** An HTTP server that is sent webhooks, keeps what came, and answers as the test says at that moment. */
import type { IncomingHttpHeaders, RequestListener, ServerResponse } from "node:http";
import { startHttpServer } from "./http-server.ts";
import { eventually } from "./instances.ts";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the body, when it is JSON. */
  readonly event: WebhookBody;
}

export interface WebhookBody {
  readonly event_id: string;
  readonly event_type: string;
  readonly request_id: string;
  readonly artifact_type: string;
  readonly artifact_id: string;
  readonly status: string;
  readonly stage_order?: number;
  readonly actor: string;
  readonly occurred_at: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Answers one POST; what it does not end hangs. */
export type Answerer = (received: Received, response: ServerResponse) => void;

export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** From now on; 200 until then. */
  answer(by: Answerer | number): void;
  /** What came, once it is at least so much. */
  atLeast(count: number, fits?: (received: Received) => boolean): Promise<readonly Received[]>;
}

export async function startWebhookReceiver(host = "127.0.0.1", port = 0): Promise<WebhookReceiver> {
  const received: Received[] = [];
  let answerer: Answerer = statusOf(200);
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const one = { path: request.url ?? "", headers: request.headers, body, event: JSON.parse(body) as WebhookBody };
      received.push(one);
      answerer(one, response);
    });
  };
  const server = await startHttpServer(listener, host, port);
  return {
    url: `${server.url}/hook`,
    port: server.port,
    received,
    answer: (by) => (answerer = typeof by === "number" ? statusOf(by) : by),
    atLeast: (count, fits = () => true) =>
      eventually(async () => {
        const fitting = received.filter(fits);
        return fitting.length >= count ? fitting : undefined;
      }, 30_000),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function statusOf(status: number): Answerer {
  return (_received, response) => response.writeHead(status).end();
}
