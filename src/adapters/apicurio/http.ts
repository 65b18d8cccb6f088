/**
 * The few HTTP calls to Apicurio Registry.
 *
 * Guarantees: at most 16 sockets, 10 s a call from queueing to the last byte, answers up to 4 MiB; an aborted call rejects with
 * its signal's reason, a read at once, a write as `finishing.ts` says. Nothing is retried here: a lost answer to a POST may have
 * been a success, and only the caller can find out.
 * Why not Apicurio's own SDK: it is generated on preview packages, compresses request bodies in a way older servers do not
 * read, and bounds neither sockets nor time nor answer size.
 */
import { refused, unavailable } from "../../kernel/errors.ts";
import { finishing } from "../finishing.ts";
import { createHttpClient, HttpFailure, type HttpAnswer } from "../http/client.ts";

const limits = { limitMs: 10_000, maxAnswerBytes: 4 * 1024 * 1024, connections: 16 } as const;

export type Answer = Pick<HttpAnswer, "status" | "body">;

export interface ApicurioHttp extends Disposable {
  /** `path` is appended to the base URL. Rejects with `unavailable` when no complete answer below 500 came; 429 counts as none. */
  call(method: "GET" | "POST" | "PUT", path: string, signal: AbortSignal, json?: unknown): Promise<Answer>;
}

export function createApicurioHttp(url: string, token: string | undefined): ApicurioHttp {
  const origin = new URL(url);
  const base = origin.pathname.replace(/\/+$/, "");
  const client = createHttpClient({ origin, ...limits });
  const headers = { accept: "*/*", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };

  const send: ApicurioHttp["call"] = async (method, path, signal, json) => {
    const content = json === undefined ? { headers } : { headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(json) };
    const answer = await client.send({ method, path: base + path, ...content }, signal).catch((error: unknown) => {
      throw error instanceof HttpFailure ? translated(error) : error;
    });
    if (answer.status >= 500 || answer.status === 429) throw unavailable("schema registry", `HTTP ${answer.status}`);
    return answer;
  };

  return {
    call: (method, path, signal, json) =>
      method === "GET" ? send(method, path, signal, json) : finishing(signal, (patient) => send(method, path, patient, json)),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

function translated(error: HttpFailure) {
  if (error.kind === "too large") return refused("schema registry", `an answer of more than ${limits.maxAnswerBytes} bytes`, error);
  if (error.kind === "late") return unavailable("schema registry", `no answer within ${limits.limitMs} ms`, error);
  return unavailable("schema registry", error.code || "connection failed", error);
}
