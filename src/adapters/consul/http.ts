/**
 * HTTP to one Consul agent.
 *
 * Guarantees: at most 60 sockets here and 4 of the npm driver (an agent resets connections above 200 from one address, and
 * others use that address too), an answer within 5 s (and what a blocking query waits) or `unavailable`, no answer above 32 MiB
 * in memory, and an aborted call rejects with its signal's reason, a read at once, a write as `finishing.ts` says. A request
 * on a persistent connection that was closed is sent once more; all of them are safe to repeat.
 * Why not the npm driver alone: it drops fields it does not know (`replace-existing-checks`), has no
 * `agent/health/service`, treats a 503 with data as an error, and limits neither time nor answers.
 */
import { finishing } from "../finishing.ts";
import { createHttpClient } from "../http/client.ts";
import { fromFailure, fromStatus } from "./errors.ts";

export const callMs = 5_000;
const connections = 60;
const maxAnswerBytes = 32 * 1024 * 1024;

export interface ConsulHttp extends Disposable {
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
  /** How long Consul may hold the answer back, in addition to the normal limit. */
  readonly waitMs?: number;
}

/** Tagged template for paths: percent-encodes what is filled in. */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}

export function createConsulHttp(url: URL, token: string | undefined): ConsulHttp {
  const client = createHttpClient({ origin: url, connections, limitMs: callMs, maxAnswerBytes });
  const headers = { accept: "application/json", ...(token === undefined ? {} : { "x-consul-token": token }) };

  async function send(it: ConsulRequest, signal: AbortSignal): Promise<Indexed<unknown>> {
    const target = `/v1/${it.path}?${new URLSearchParams(it.query)}`;
    const body = it.body === undefined ? {} : { body: JSON.stringify(it.body) };
    const { method, waitMs: holdMs = 0 } = it;
    try {
      const answer = await client.send({ method, path: target, headers, holdMs, repeatable: true, ...body }, signal);
      if (Math.floor(answer.status / 100) !== 2 && !it.also?.includes(answer.status)) throw fromStatus(answer.status);
      const index = Number(answer.headers["x-consul-index"] ?? 0);
      const text = answer.body.toString();
      return { index: Number.isSafeInteger(index) ? index : 0, value: text === "" ? undefined : JSON.parse(text) };
    } catch (error) {
      throw fromFailure(error, signal);
    }
  }

  return {
    async call(it, signal) {
      const { value } = await (it.method === "GET" ? send(it, signal) : finishing(signal, (patient) => send(it, patient)));
      return value;
    },
    read: send,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}
