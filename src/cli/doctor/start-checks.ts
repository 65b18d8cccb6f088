/** What a start cannot do without: the port, the files that the configuration names, the store. */
import type { Config } from "../../config/config.ts";
import type { Target } from "../frame/target.ts";
import { checkAuth, checkModules, checkTls } from "./files.ts";
import type { Check } from "./finding.ts";
import { checkListen } from "./listen.ts";
import { healthOf } from "./server.ts";
import { checkStore } from "./store.ts";

export interface StartCheckOptions {
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** How a caller of this machine speaks TLS; to find out whether a Muster has the port. */
  readonly clientTls?: Target["tls"];
}

/** The checks, in the order in which they are shown. */
export function startChecks(config: Config, { now, signal, clientTls }: StartCheckOptions): readonly Check[] {
  const isServing = async (): Promise<boolean> => {
    const url = `${config.tls ? "https" : "http"}://${address(config.listen)}`;
    // Only to know what it is: nothing is sent but the question.
    const tls = config.tls ? { ...clientTls } : undefined;
    return healthOf({ url, tls }, { now, signal, ...(tls ? { tls: { rejectUnauthorized: false } } : {}) }).then(
      () => true,
      () => false,
    );
  };
  return [
    checkListen(config.listen, isServing),
    ...(config.tls ? [checkTls(config.tls, now)] : []),
    checkAuth(config.auth),
    checkModules(config.modules, now),
    checkStore(config.store, now, isServing),
  ];
}

/** Where the server can be called on this machine: an unspecified address means any. */
function address({ host, port }: Config["listen"]): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
