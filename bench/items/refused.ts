/** A module without a listener on its port and with zero startup grace: the time until FAILED. */
import { once } from "node:events";
import { createServer } from "node:net";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Farm } from "../farm.ts";
import type { MusterSide } from "../muster-side.ts";
import { timesRow, type Row } from "../report.ts";

export async function refused(muster: MusterSide, farm: Farm, times: number): Promise<readonly Row[]> {
  const took: number[] = [];
  for (const module of await farm.fresh(times)) {
    const { registration, ms } = await muster.attempt({ ...module, port: await closedPort() }, 0);
    const last = registration.events.at(-1);
    if (last?.eventType !== EventType.FAILED || !registration.errorDetail.startsWith("HEALTH_REFUSED")) {
      throw new Error(`expected HEALTH_REFUSED: ${registration.errorDetail || registration.status.message}`);
    }
    took.push(ms);
  }
  return [timesRow("refused port → FAILED, grace 0", took, { p99Ms: 1_000 })];
}

/** A port that was free just now, below those the kernel gives to clients. */
async function closedPort(): Promise<number> {
  for (let port = 21_000; port < 26_000; port++) {
    const server = createServer();
    server.listen(port, "127.0.0.1");
    const isFree = await Promise.race([once(server, "listening").then(() => true), once(server, "error").then(() => false)]);
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error("no free port");
}
