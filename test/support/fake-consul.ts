/** Just enough of a Consul agent for a watch: one node, services with one check each, blocking queries, and bad days. */
import type { ServerResponse } from "node:http";
import { startHttpServer } from "./http-server.ts";
import { clearTimeout, setTimeout } from "node:timers";

export interface FakeConsul extends AsyncDisposable {
  readonly url: string;
  /** Puts these services there, with these results of their checks, and wakes who waits. */
  set(services: Readonly<Record<string, "passing" | "critical">>): void;
  /** A server that begins anew: its index is small again. */
  restartIndexAt(index: number): void;
  /** What is answered instead of the truth, also to those who wait already. */
  mode: "well" | "500" | "hang" | "cut" | "no index";
  /** Requests that were answered or are held, and the most that were held at once. */
  readonly counts: { requests: number; open: number; mostOpen: number };
  /** How many wait for news now. */
  held(): number;
}

export async function startFakeConsul(): Promise<FakeConsul> {
  let index = 100;
  let services: Readonly<Record<string, string>> = {};
  let held: { readonly response: ServerResponse; readonly answer: () => void }[] = [];
  const counts = { requests: 0, open: 0, mostOpen: 0 };

  const bodies: Readonly<Record<string, () => unknown>> = {
    "/v1/catalog/nodes": () => [{ Node: "n", Address: "10.0.0.1" }],
    "/v1/catalog/node/n": () => ({
      Services: Object.fromEntries(Object.keys(services).map((id) => [id, { ID: id, Service: id, Tags: [], Meta: {}, Address: "10.0.0.1", Port: 1 }])),
    }),
    "/v1/catalog/services": () => Object.fromEntries(Object.keys(services).map((id) => [id, []])),
    "/v1/health/state/any": () =>
      Object.entries(services).map(([id, Status]) => ({ Node: "n", CheckID: `c:${id}`, ServiceID: id, ServiceName: id, Status, Output: "" })),
  };

  const server = await startHttpServer((request, response) => {
    counts.requests += 1;
    counts.open += 1;
    counts.mostOpen = Math.max(counts.mostOpen, counts.open);
    response.once("close", () => (counts.open -= 1));
    const url = new URL(request.url ?? "/", "http://consul");
    const after = Number(url.searchParams.get("index") ?? 0);
    const tell = () => {
      const headers = fake.mode === "no index" ? {} : { "x-consul-index": String(index) };
      response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(bodies[url.pathname]?.() ?? null));
    };
    const answer = () => {
      if (fake.mode === "500") response.writeHead(500).end("No cluster leader");
      else if (fake.mode === "cut") request.socket.destroy();
      else if (fake.mode !== "hang") tell();
    };
    if (fake.mode !== "well" || after < 1 || after < index) return answer();
    const waiting = { response, answer };
    held.push(waiting);
    const late = setTimeout(answer, Number.parseInt(url.searchParams.get("wait") ?? "0", 10));
    response.once("close", () => {
      clearTimeout(late);
      held = held.filter((it) => it !== waiting);
    });
  });

  const wake = () => {
    const waking = held;
    held = [];
    for (const { answer } of waking) answer();
  };
  const fake: FakeConsul = {
    url: server.url,
    mode: "well",
    counts,
    held: () => held.length,
    set(next) {
      services = next;
      index += 1;
      wake();
    },
    restartIndexAt(next) {
      index = next;
      for (const { response } of held) response.destroy();
      held = [];
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return fake;
}
