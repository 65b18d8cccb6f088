/** One HTTP request for a check: status, JSON and the other side's clock. */
import { createHttpClient, HttpFailure, type HttpClientOptions } from "../../adapters/http/client.ts";
import { DomainError } from "../../kernel/errors.ts";
import { causesOf } from "../frame/unreachable.ts";
import { tellClock, type Teller } from "./finding.ts";

const limits = { limitMs: 4_000, maxAnswerBytes: 4 * 1024 * 1024, connections: 1 } as const;
/** `Date` has whole seconds. */
const dateResolutionMs = 1_000;

export interface Got {
  readonly status: number;
  /** Undefined when the body is not JSON. */
  readonly json: unknown;
  /** Reports when the other clock is off. */
  clock(tell: Teller, whose: string): void;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: HttpClientOptions["tls"];
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Makes it a POST of this JSON. */
  readonly body?: unknown;
}

/** Rejects when no complete answer of at most 4 MiB came within four seconds. */
export async function get(url: string, { headers = {}, tls = {}, now, signal, body }: GetOptions): Promise<Got> {
  const target = new URL(url);
  const before = now();
  using client = createHttpClient({ origin: target, ...limits, tls });
  const path = target.pathname + target.search;
  const answer = await client.send(
    body === undefined ? { method: "GET", path, headers } : { method: "POST", path, headers, body: JSON.stringify(body) },
    signal,
  );
  const after = now();
  const date = Date.parse(answer.headers.date ?? "");
  return {
    status: answer.status,
    json: parsed(answer.body.toString()),
    clock: (tell, whose) => {
      if (!Number.isNaN(date)) tellClock(tell, whose, date, before, after, dateResolutionMs);
    },
  };
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
  if (error instanceof HttpFailure && error.kind === "late") return `no answer within ${limits.limitMs / 1_000} s`;
  const codes = error instanceof Error ? causesOf(error).filter((code) => code !== "") : [];
  if (codes.includes("ECONNREFUSED")) return "nothing listens there";
  if (codes.includes("ENOTFOUND") || codes.includes("EAI_AGAIN")) return "the host cannot be resolved";
  return codes.length > 0 ? `no connection (${codes[0]})` : "no connection";
}

/** A field of a JSON object at any depth; undefined when there is none. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = typeof at === "object" && at !== null && Object.hasOwn(at, name) ? (at as Readonly<Record<string, unknown>>)[name] : undefined;
  return at;
}
