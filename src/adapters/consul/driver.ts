/** The calls that the npm driver supports fully; `http.ts` explains why the others do not use it. */
import { EventEmitter } from "node:events";
import { Agent as TlsAgent } from "node:https";
import Consul from "consul";
import { unavailable } from "../../kernel/errors.ts";
import { Agent as PlainAgent } from "../../kernel/node-http.ts";
import { fromFailure } from "./errors.ts";
import { callMs } from "./http.ts";

const maxSockets = 4;

export interface ConsulDriver extends Disposable {
  /** An unknown id counts as done. */
  deregisterService(id: string, signal: AbortSignal): Promise<void>;
  /** An unknown id counts as done. */
  deregisterCheck(id: string, signal: AbortSignal): Promise<void>;
  /** Rejects with `unavailable` when the agent knows no leader. */
  requireLeader(signal: AbortSignal): Promise<void>;
}

export function createConsulDriver(url: URL, token: string | undefined): ConsulDriver {
  const tls = url.protocol === "https:";
  // `host` goes to the socket in place of the request's own: the driver leaves an IPv6 address in its brackets.
  const agent = new (tls ? TlsAgent : PlainAgent)({ keepAlive: true, maxSockets, host: url.hostname.replace(/^\[(.*)\]$/, "$1") });
  const consul = new Consul({
    host: url.hostname,
    port: Number(url.port || (tls ? 443 : 80)),
    secure: tls,
    agent,
    ...(token === undefined ? {} : { defaults: { token } }),
  });

  return {
    async deregisterService(id, signal) {
      await call(signal, (limits) => unlessUnknown(consul.agent.service.deregister({ id, ...limits })));
    },
    async deregisterCheck(id, signal) {
      await call(signal, (limits) => unlessUnknown(consul.agent.check.deregister({ id, ...limits })));
    },
    async requireLeader(signal) {
      const leader: unknown = await call(signal, (limits) => consul.status.leader({ ...limits }));
      if (typeof leader !== "string" || leader === "") throw unavailable("catalog", "no leader");
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** Newer releases answer 404 where 1.8 answers 200. */
async function unlessUnknown(deregistration: Promise<unknown>): Promise<void> {
  try {
    await deregistration;
  } catch (error) {
    if (!(error instanceof Error && "statusCode" in error && error.statusCode === 404)) throw error;
  }
}

/** Adds options missing in the driver's types: a timeout, and its way to cancel, an emitter of `cancel`. */
async function call<T>(signal: AbortSignal, made: (limits: object) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const ctx = new EventEmitter();
  const cancel = () => ctx.emit("cancel");
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await made({ ctx, timeout: callMs });
  } catch (error) {
    throw fromFailure(error, signal);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
