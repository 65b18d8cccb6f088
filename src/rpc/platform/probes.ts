import { orAborted } from "../../kernel/or-aborted.ts";
import type { Clock, Pingable } from "../../kernel/ports.ts";
import { jsonAnswer, publicGet, type HttpRoute } from "../transport/http-route.ts";

export interface Check extends Pingable {
  /** Without a required dependency the server is not ready; without another it is degraded. */
  readonly required: boolean;
}

export interface ProbeOptions {
  /** By the dependency's name. */
  readonly checks: Readonly<Record<string, Check>>;
  readonly draining: () => boolean;
  readonly clock: Clock;
  /** Such as `/platform-registration`: the probes are also under `<root>/q/health`. */
  readonly httpRoot?: string;
}

interface DependencyHealth {
  readonly status: "ok" | "error";
  readonly ms: number;
  readonly detail?: string;
}

interface Health {
  readonly status: "ok" | "degraded" | "error";
  readonly dependencies: Readonly<Record<string, DependencyHealth>>;
}

const pingTimeoutMs = 1_000;
const cacheMs = 1_000;

/**
 * Liveness (the process responds), readiness (the required dependencies answer and the server is not draining) and
 * `/health`, with the state of every dependency. Dependencies are pinged at most once a second, each for at most a second.
 */
export function probeRoutes({ checks, draining, clock, httpRoot }: ProbeOptions): readonly HttpRoute[] {
  const health = cachedFor(cacheMs, clock, () => askAll(checks, clock));

  const live: HttpRoute["handle"] = () => jsonAnswer(200, { status: "ok" });
  const ready: HttpRoute["handle"] = async () => {
    const { status } = await health();
    if (draining()) return jsonAnswer(503, { status: "draining" });
    return jsonAnswer(status === "error" ? 503 : 200, { status });
  };
  const full: HttpRoute["handle"] = async () => {
    const now = await health();
    return jsonAnswer(now.status === "error" ? 503 : 200, now);
  };

  const routes = [publicGet("/healthz/live", live), publicGet("/healthz/ready", ready), publicGet("/health", full)];
  if (httpRoot === undefined) return routes;
  const root = `${httpRoot}/q/health`;
  return [...routes, publicGet(root, full), publicGet(`${root}/live`, live), publicGet(`${root}/ready`, ready), publicGet(`${root}/started`, live)];
}

/** Names of the dependencies that do not answer now, within a second. Does not reject. */
export async function silentOnes(checks: ProbeOptions["checks"], clock: Clock): Promise<readonly string[]> {
  const { dependencies } = await askAll(checks, clock);
  return Object.entries(dependencies).flatMap(([name, { status }]) => (status === "error" ? [name] : []));
}

async function askAll(checks: Readonly<Record<string, Check>>, clock: Clock): Promise<Health> {
  const answers = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await ask(check, clock)] as const));
  const failed = answers.filter(([, answer]) => answer.status === "error").map(([name]) => name);
  const status = failed.some((name) => checks[name]!.required) ? "error" : failed.length > 0 ? "degraded" : "ok";
  return { status, dependencies: Object.fromEntries(answers) };
}

async function ask(check: Check, clock: Clock): Promise<DependencyHealth> {
  const startedAt = clock.now();
  const late = AbortSignal.timeout(pingTimeoutMs);
  try {
    await orAborted(check.ping(late), late);
    return { status: "ok", ms: clock.now() - startedAt };
  } catch (error) {
    // The cause may name hosts and users: only that it failed is shown.
    const detail = late.aborted ? `no answer within ${pingTimeoutMs} ms` : error instanceof Error ? error.name : "failed";
    return { status: "error", ms: clock.now() - startedAt, detail };
  }
}

/** One answer for all calls within `ms` after it was made, or while it is pending. */
function cachedFor<T>(ms: number, clock: Clock, make: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let last: { readonly at: number; readonly value: T } | undefined;
  return () => {
    if (last && clock.now() - last.at < ms) return Promise.resolve(last.value);
    running ??= make()
      .then((value) => {
        last = { at: clock.now(), value };
        return value;
      })
      .finally(() => (running = undefined));
    return running;
  };
}
