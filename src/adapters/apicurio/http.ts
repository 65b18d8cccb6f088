/**
 * The few HTTP calls to Apicurio Registry, over a keep-alive pool of our own.
 *
 * Guarantees: at most 16 sockets, 10 s a call from queueing to the last byte, answers up to 4 MiB; an aborted call rejects with
 * its signal's reason, a read at once, a write as `finishing.ts` says. Nothing is repeated here: a lost answer to a POST may have
 * been a success, and only the caller knows how to find out.
 * Why not Apicurio's own SDK: it is generated on preview packages, compresses request bodies in a way older servers do not
 * read, and bounds neither sockets nor time nor answer size.
 */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { DomainError, refused, unavailable } from "../../kernel/errors.ts";
import { Agent as PlainAgent, request as plainRequest } from "../../kernel/node-http.ts";
import { finishing } from "../finishing.ts";

const callMs = 10_000;
const maxAnswerBytes = 4 * 1024 * 1024;
const maxSockets = 16;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface ApicurioHttp extends Disposable {
  /** `path` is appended to the base URL. Rejects with `unavailable` when no complete answer below 500 came; 429 counts as none. */
  call(method: "GET" | "POST" | "PUT", path: string, signal: AbortSignal, json?: unknown): Promise<Answer>;
}

export function createApicurioHttp(url: string, token: string | undefined): ApicurioHttp {
  const base = url.replace(/\/+$/, "");
  const tls = base.startsWith("https:");
  const agent = new (tls ? TlsAgent : PlainAgent)({ keepAlive: true, maxSockets, timeout: 60_000 });
  const request = tls ? tlsRequest : plainRequest;
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };

  const send: ApicurioHttp["call"] = async (method, path, signal, json) => {
    const limit = AbortSignal.timeout(callMs);
    const payload = json === undefined ? undefined : Buffer.from(JSON.stringify(json));
    const content = payload === undefined ? {} : { "content-type": "application/json", "content-length": payload.length };
    const outgoing = request(base + path, {
      agent,
      method,
      headers: { accept: "*/*", ...authorization, ...content },
      signal: AbortSignal.any([signal, limit]),
    });
    // An error after the response began reaches us through the response; without a listener here it would be thrown.
    outgoing.on("error", () => {});
    try {
      outgoing.end(payload);
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      const answer = { status: response.statusCode ?? 0, body: await readBody(response) };
      if (answer.status >= 500 || answer.status === 429) throw unavailable("schema registry", `HTTP ${answer.status}`);
      return answer;
    } catch (error) {
      outgoing.destroy();
      if (signal.aborted) throw signal.reason;
      throw translate(error, limit.aborted);
    }
  };

  return {
    async call(method, path, signal, json) {
      signal.throwIfAborted();
      return method === "GET" ? send(method, path, signal, json) : finishing(signal, (patient) => send(method, path, patient, json));
    },
    [Symbol.dispose]() {
      agent.destroy();
    },
  };
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw refused("schema registry", `an answer of more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function translate(error: unknown, timedOut: boolean): DomainError {
  if (error instanceof DomainError) return error;
  if (timedOut) return unavailable("schema registry", `no answer within ${callMs} ms`, error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "connection failed";
  return unavailable("schema registry", code, error);
}
