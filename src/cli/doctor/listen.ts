import { once } from "node:events";
import { createServer } from "node:net";
import type { Config } from "../../config/config.ts";
import { checkOf, type Check } from "./finding.ts";

/** Whether the port is free, by binding it for a moment. `isOurs` resolves to true when a Muster has it already. */
export function checkListen({ host, port }: Config["listen"], isOurs: () => Promise<boolean>): Check {
  const at = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return checkOf(
    "listen",
    async (tell) => {
      const server = createServer();
      try {
        server.listen(port, host);
        await once(server, "listening");
        tell.ok(`${at} is free`);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        if (code === "EADDRINUSE" && (await isOurs())) tell.ok(`${at} is in use by a running Muster`);
        else tell.bad(`${at} ${problems[code]?.[0] ?? `cannot be bound (${code})`}`, problems[code]?.[1] ?? "Choose another MUSTER_LISTEN.");
      } finally {
        server.close();
      }
    },
    () => [`${at} cannot be checked`, ""],
  );
}

const problems: Readonly<Record<string, readonly [string, string]>> = {
  EADDRINUSE: ["is in use by another program", "Stop that one, or choose another port in MUSTER_LISTEN."],
  EACCES: ["may not be bound by this user", "Choose a port above 1023 in MUSTER_LISTEN, or grant the process the right to bind lower ones."],
  EADDRNOTAVAIL: ["is not an address of this machine", "Set MUSTER_LISTEN to an address of this machine, or 0.0.0.0 with tokens."],
  ENOTFOUND: ["has a host that cannot be resolved", "Set MUSTER_LISTEN to an address."],
};
