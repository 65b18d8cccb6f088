/** The server that commands call: does it run, are its dependencies available, what may this caller do. */
import { Code, ConnectError } from "@connectrpc/connect";
import { AttemptState } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import type { Connection } from "../frame/connect.ts";
import { failureOf } from "../frame/failure.ts";
import type { Target } from "../frame/target.ts";
import { causesOf, unreachable } from "../frame/unreachable.ts";
import { checkOf, type Check, type Teller } from "./finding.ts";
import { field, get, type GetOptions, type Got } from "./http.ts";

const callMs = 3_000;

/** `/health` of the target; rejects when there is no answer, or not one of a Muster. */
export async function healthOf({ url, tls }: Pick<Target, "url" | "tls">, options: GetOptions): Promise<Got> {
  const got = await get(`${url}/health`, { ...options, ...(tls ? { tls: { ...tls, ...options.tls } } : {}) });
  if (!["ok", "degraded", "error"].includes(String(field(got.json, "status"))) || field(got.json, "dependencies") === undefined)
    throw new Error("the server there is not a Muster");
  return got;
}

export function checkServer(target: Target, { registration, once: options }: Connection, now: () => number): Check {
  return checkOf(
    "server",
    async (tell, signal) => {
      const health = await healthOf(target, { now, signal }).catch((error: unknown) => (error instanceof Error ? error : new Error("no answer")));
      if (health instanceof Error) {
        if (causesOf(health).includes("ECONNREFUSED")) return tell.ok(`none runs at ${target.address}: the findings above are what it needs`);
        const { message, hints } = await unreachable(ConnectError.from(health, Code.Unavailable), target);
        return tell.bad(message, hints.join(" "));
      }
      health.clock(tell, "the server");
      tellHealth(tell, target.address, health.json);
      await tellAccess(tell, async () => {
        const { attempts } = await registration.listAttempts({ states: [AttemptState.STUCK], pageSize: 500 }, options(callMs));
        return attempts.length;
      });
      return undefined;
    },
    (error) => [`${target.address}: ${error instanceof Error ? error.message : "no answer"}`, ""],
  );
}

function tellHealth(tell: Teller, address: string, json: unknown): void {
  const status = field(json, "status");
  const dependencies = field(json, "dependencies");
  const away = Object.entries(typeof dependencies === "object" && dependencies !== null ? dependencies : {}).filter(([, it]) => field(it, "status") !== "ok");
  const names = away.map(([name]) => name).join(", ");
  if (status === "ok") tell.ok(`runs at ${address}, all its dependencies answer`);
  else if (status === "degraded")
    tell.warn(`runs at ${address} without ${names}`, 'docs/operations.md, "When a dependency is unavailable", describes the effects.');
  else tell.bad(`runs at ${address}, not ready: ${names} unavailable`, "Restore it; the server recovers by itself.");
}

async function tellAccess(tell: Teller, countStuck: () => Promise<number>): Promise<void> {
  try {
    const stuck = await countStuck();
    if (stuck > 0) tell.warn(`${stuck} attempts are stuck`, "muster attempts list --state stuck; docs/operations.md has the remedy.");
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const { reason, message, status } = failureOf(error);
    if (reason === "UNAUTHENTICATED")
      tell.warn("the server does not accept this caller's token", "Pass a token with --token-file FILE, MUSTER_TOKEN or MUSTER_TOKEN_FILE.");
    else tell.warn(`the server answers ${reason || status}: ${message}`, "");
  }
}
