/** One HTTP request for a check: status, JSON and the other side's clock. */
import { once } from "node:events";
import { request as plainRequest, type IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { DomainError } from "../../kernel/errors.ts";
import { causesOf } from "../frame/unreachable.ts";
import { tellClock, type Teller } from "./finding.ts";

const callMs = 4_000;
const maxBytes = 4 * 1024 * 1024;
/** `Date` has whole seconds. */
const dateResolutionMs = 1_000;

export interface Got {
  readonly status: number;
  /** Undefined when the body is no JSON. */
  readonly json: unknown;
  /** Tells when the other clock is off. */
  clock(tell: Teller, whose: string): void;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: SecureContextOptions & { readonly rejectUnauthorized?: boolean };
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Makes it a POST of this JSON. */
  readonly body?: unknown;
}

/** Rejects when no whole answer of at most 4 MiB came within four seconds. */
export async function get(url: string, { headers, tls, now, signal, body }: GetOptions): Promise<Got> {
  const before = now();
  const request = url.startsWith("https:") ? tlsRequest : plainRequest;
  const outgoing = request(url, {
    method: body === undefined ? "GET" : "POST",
    headers: { ...headers, connection: "close" },
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(callMs)]),
    ...tls,
  });
  // Once the answer began an error comes through it; without a listener here it would be thrown.
  outgoing.on("error", () => undefined);
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  const text = await readText(answer);
  const after = now();
  const date = Date.parse(answer.headers.date ?? "");
  return {
    status: answer.statusCode ?? 0,
    json: parsed(text),
    clock: (tell, whose) => {
      if (!Number.isNaN(date)) tellClock(tell, whose, date, before, after, dateResolutionMs);
    },
  };
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Why there was no answer, from codes; never the text of an error, which may hold a URL with its password. */
export function whyNot(error: unknown): string {
  if (error instanceof DomainError) return error.message;
  const codes = error instanceof Error ? causesOf(error) : [];
  if (error instanceof Error && (error.name === "TimeoutError" || codes.includes("ABORT_ERR"))) return `no answer within ${callMs / 1_000} s`;
  if (codes.includes("ECONNREFUSED")) return "nothing listens there";
  if (codes.includes("ENOTFOUND") || codes.includes("EAI_AGAIN")) return "the host is not known here";
  return codes.length > 0 ? `no connection (${codes[0]})` : "no connection";
}

/** A field of a JSON object, however deep; undefined when there is none. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = typeof at === "object" && at !== null && Object.hasOwn(at, name) ? (at as Readonly<Record<string, unknown>>)[name] : undefined;
  return at;
}
