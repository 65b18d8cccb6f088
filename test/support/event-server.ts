/** A system outside that keeps its events and is asked for them, by HTTP; it answers as the test says at that moment. */
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { startHttpServer } from "./http-server.ts";
import { eventually } from "./instances.ts";

export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** Answers one GET; what it does not end hangs. */
export type SourceAnswerer = (asked: Asked, response: ServerResponse) => void;

export interface EventServer extends AsyncDisposable {
  /** Of its events. */
  readonly url: string;
  readonly port: number;
  /** Every request so far. */
  readonly asked: readonly Asked[];
  /** What it has; a test adds to it. */
  readonly events: unknown[];
  /** From now on, instead of its events; undefined: those again. */
  answer(by: SourceAnswerer | undefined): void;
  /** Resolves when it was asked so often. */
  askedTimes(count: number): Promise<readonly Asked[]>;
}

/** By default it answers its first `limit` events, after the one that `after` counts to; `next` counts to the last of them. */
export async function startEventServer(): Promise<EventServer> {
  const asked: Asked[] = [];
  const events: unknown[] = [];
  const ordinary: SourceAnswerer = ({ query }, response) => {
    const after = Number(query.get("after") ?? 0);
    const page = events.slice(after, after + Number(query.get("limit") ?? 500));
    response.end(JSON.stringify({ events: page, next: page.length === 0 ? null : String(after + page.length) }));
  };
  let answerer = ordinary;
  const server = await startHttpServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const one = { path: url.pathname, query: url.searchParams, headers: request.headers };
    asked.push(one);
    answerer(one, response);
  });
  return {
    url: `${server.url}/api/v1/events`,
    port: server.port,
    asked,
    events,
    answer: (by) => (answerer = by ?? ordinary),
    askedTimes: (count) => eventually(async () => (asked.length >= count ? asked : undefined), 60_000),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
