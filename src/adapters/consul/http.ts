/**
 * HTTP to one Consul agent: one keep-alive pool for our own requests and for the npm driver's.
 *
 * Guarantees: at most 64 sockets (an agent resets connections above 200 from one address, and others use that address
 * too), an answer within 5 s (and what a blocking query waits) or `unavailable`, no answer above 32 MiB in memory, and an aborted call rejects with its
 * signal's reason, a read at once, a write as `finishing.ts` says. A request that found its kept connection closed is
 * sent once more; all of ours may be repeated.
 * Why not the npm driver alone: it drops fields it does not know (`replace-existing-checks`), has no
 * `agent/health/service`, reads a 503 that carries data as a mere error, and bounds neither time nor answers.
 */
import { once } from "node:events";
import type { Agent, IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { refused } from "../../kernel/errors.ts";
import { Agent as PlainAgent, request as plainRequest } from "../../kernel/node-http.ts";
import { finishing } from "../finishing.ts";
import { fromFailure, fromStatus } from "./errors.ts";

export const callMs = 5_000;
const maxSockets = 64;
const maxAnswerBytes = 32 * 1024 * 1024;

export interface ConsulHttp extends Disposable {
  readonly agent: Agent;
  /** Resolves to the parsed JSON of an answer that is 2xx or in `also`; undefined when that answer is empty. */
  call(request: ConsulRequest, signal: AbortSignal): Promise<unknown>;
  /** A read, with the index of its answer (X-Consul-Index; 0 when there is none). */
  read(request: ConsulRequest & { readonly method: "GET" }, signal: AbortSignal): Promise<Indexed<unknown>>;
}

export interface Indexed<T> {
  readonly index: number;
  readonly value: T;
}

export interface ConsulRequest {
  readonly method: "GET" | "PUT";
  /** Below `/v1/`, already encoded: see `path`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Statuses outside 2xx whose JSON is an answer. */
  readonly also?: readonly number[];
  /** How long Consul is asked to hold the answer back, beside the time it may take anyway. */
  readonly waitMs?: number;
}

/** Tagged template for paths: percent-encodes what is filled in. */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}

export function createConsulHttp(url: URL, token: string | undefined): ConsulHttp {
  const tls = url.protocol === "https:";
  const request = tls ? tlsRequest : plainRequest;
  // `host` goes to the socket in place of the request's own: the npm driver leaves an IPv6 address in its brackets.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const agent = new (tls ? TlsAgent : PlainAgent)({ keepAlive: true, maxSockets, host });
  const headers = { accept: "application/json", ...(token === undefined ? {} : { "x-consul-token": token }) };

  async function send(it: ConsulRequest, signal: AbortSignal, mayRepeat: boolean): Promise<Indexed<unknown>> {
    const target = new URL(`/v1/${it.path}?${new URLSearchParams(it.query)}`, url);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(callMs + (it.waitMs ?? 0))]);
    const outgoing = request(target, { agent, headers, method: it.method, signal: limited });
    // Once the answer began an error comes through it; without a listener here it would be thrown.
    outgoing.on("error", () => {});
    try {
      outgoing.end(it.body === undefined ? undefined : JSON.stringify(it.body));
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      const status = response.statusCode ?? 0;
      const text = await readAll(response);
      if (Math.floor(status / 100) !== 2 && !it.also?.includes(status)) throw fromStatus(status);
      const index = Number(response.headers["x-consul-index"] ?? 0);
      return { index: Number.isSafeInteger(index) ? index : 0, value: text === "" ? undefined : JSON.parse(text) };
    } catch (error) {
      const repeat = mayRepeat && outgoing.reusedSocket && isReset(error) && !signal.aborted;
      outgoing.destroy();
      if (repeat) return send(it, signal, false);
      throw fromFailure(error, signal);
    }
  }

  return {
    agent,
    async call(it, signal) {
      signal.throwIfAborted();
      const { value } = await (it.method === "GET" ? send(it, signal, true) : finishing(signal, (patient) => send(it, patient, true)));
      return value;
    },
    async read(it, signal) {
      signal.throwIfAborted();
      return send(it, signal, true);
    },
    [Symbol.dispose]() {
      agent.destroy();
    },
  };
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw refused("catalog", `an answer above ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}
