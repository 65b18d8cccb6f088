import { once } from "node:events";
import { createServer } from "node:net";
import type { Config } from "../../config/config.ts";
import { checkOf, type Check } from "./finding.ts";

/** Whether the port can be had, by taking it for a moment. `isOurs` tells whether a Muster has it already. */
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
        if (code === "EADDRINUSE" && (await isOurs())) tell.ok(`${at} is taken by a Muster that runs`);
        else tell.bad(`${at} ${problems[code]?.[0] ?? `cannot be taken (${code})`}`, problems[code]?.[1] ?? "Choose another MUSTER_LISTEN.");
      } finally {
        server.close();
      }
    },
    () => [`${at} cannot be looked at`, ""],
  );
}

const problems: Readonly<Record<string, readonly [string, string]>> = {
  EADDRINUSE: ["is taken by another program", "Stop that one, or choose another port in MUSTER_LISTEN."],
  EACCES: ["may not be taken by this user", "Choose a port above 1023 in MUSTER_LISTEN, or give the process the right to bind low ones."],
  EADDRNOTAVAIL: ["is no address of this machine", "Give MUSTER_LISTEN an address that this machine has, or 0.0.0.0 with tokens."],
  ENOTFOUND: ["has a host that is not known here", "Give MUSTER_LISTEN an address."],
};
