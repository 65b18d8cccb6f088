/** The real servers: those of the environment, or those of `test/stack/stack`, left in their original state. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface Servers {
  /** `mysql://user:password@host:port/database` */
  readonly mysql: string;
  /** `http://host:port` */
  readonly consul: string;
  /** `http://host:port/apis/registry/v3` */
  readonly apicurio: string;
  /** `host:port` */
  readonly kafka: string;
}

export interface Stack extends AsyncDisposable {
  readonly servers: Servers;
  /** Directory with the `consul` program. */
  readonly bin: string;
}

const program = new URL("../test/stack/stack", import.meta.url).pathname;

/** Uses the servers that `MUSTER_STORE` and the others name when all four are set; else starts missing ones. */
export async function openStack(): Promise<Stack> {
  const given = serversOf(process.env);
  if (given) return { servers: given, bin: process.env["STACK_BIN"] ?? "", async [Symbol.asyncDispose]() {} };
  const before = (await run(["status"])).stdout;
  const { stdout, code } = await run(["up"]);
  const exported = Object.fromEntries([...stdout.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = "", value = ""]) => [name, value]));
  const servers = serversOf(exported);
  if (code !== 0 || !servers) throw new Error("test/stack/stack did not bring the servers up");
  return {
    servers,
    bin: exported["STACK_BIN"] ?? "",
    async [Symbol.asyncDispose]() {
      for (const name of ["kafka", "apicurio", "consul", "mysql"]) {
        if (!new RegExp(`^${name} +(ready|starting)`, "m").test(before)) await run(["stop", name]);
      }
    },
  };
}

function serversOf({ MUSTER_STORE, MUSTER_CATALOG, MUSTER_SCHEMAS, MUSTER_EVENTS }: Record<string, string | undefined>): Servers | undefined {
  if (!MUSTER_STORE || !MUSTER_CATALOG || !MUSTER_SCHEMAS || !MUSTER_EVENTS) return undefined;
  return {
    mysql: MUSTER_STORE,
    consul: MUSTER_CATALOG.replace(/^consul\+/, ""),
    apicurio: MUSTER_SCHEMAS.replace(/^apicurio\+/, ""),
    kafka: MUSTER_EVENTS.replace(/^kafka:\/\//, ""),
  };
}

async function run(args: readonly string[]): Promise<{ readonly stdout: string; readonly code: number | null }> {
  const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "inherit"] });
  const code = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("exit", resolve));
  return { stdout: await text(child.stdout), code: await code };
}
