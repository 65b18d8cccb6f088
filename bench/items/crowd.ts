/** Very many new modules at once: the start of a whole platform. */
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { Farm } from "../farm.ts";
import { inFlight } from "../../test/support/in-flight.ts";
import type { MusterSide } from "../muster-side.ts";
import { timesRow, type Row } from "../report.ts";

export async function crowd(muster: MusterSide, farm: Farm, count: number): Promise<readonly Row[]> {
  const modules = await farm.fresh(count);
  const startedAt = performance.now();
  const attempts = await inFlight(modules, count, (module) => muster.attempt(module));
  const tookMs = performance.now() - startedAt;
  const completed = attempts.filter(({ registration }) => registration.events.at(-1)?.eventType === EventType.COMPLETED);
  const failures = Map.groupBy(attempts, ({ registration }) => (registration.errorDetail || registration.status.message || "completed").split(":", 1)[0] ?? "");
  await muster.remove(modules.filter((_, index) => attempts[index]?.registration.attemptId !== ""));
  const row = timesRow(
    `${count} modules at once → COMPLETED`,
    completed.map(({ ms }) => ms),
    {},
  );
  const others = [...failures].filter(([reason]) => reason !== "completed").map(([reason, { length }]) => `${length} ${reason}`);
  const rate = `${completed.length} in ${(tookMs / 1_000).toFixed(1)} s${others.length > 0 ? `; ${others.join(", ")}` : ""}`;
  return [{ ...row, n: count, muster: `${row.muster} (${rate})`, aim: "all COMPLETED", met: completed.length === count }];
}
