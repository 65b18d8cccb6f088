/** Where a process can die, derived from the table of service types: a new row, step or undo is covered by itself. */
import { serviceTypes } from "../../src/registration/attempts/service-types.ts";
import type { ServiceType } from "../../src/registration/types.ts";

export interface CrashPoint {
  readonly type: ServiceType;
  /** `<EVENT>:<phase>` */
  readonly at: string;
  /** The step whose failure brings the attempt there. */
  readonly failAt?: string;
}

/** Every type with the events of its steps, in order. */
export const rows: readonly { readonly type: ServiceType; readonly events: readonly string[]; readonly undos: readonly string[] }[] = Object.entries(
  serviceTypes,
).map(([type, { steps }]) => ({
  type: type as ServiceType,
  events: steps.map(({ event }) => event),
  undos: steps.filter(({ undo }) => undo !== undefined).map(({ event }) => event),
}));

/** The events of a row's steps, each with each of `phases`, in the order in which an attempt passes them. */
export function forwardPoints(...phases: readonly ("begin" | "effect" | "recorded")[]): readonly CrashPoint[] {
  return rows.flatMap(({ type, events }) => events.flatMap((event) => phases.map((phase) => ({ type, at: `${event}:${phase}` }))));
}

/** In the transaction that records the first step, before its commit. */
export const uncommittedPoints: readonly CrashPoint[] = rows.map(({ type }) => ({ type, at: "attempts.advance:effect" }));

/** In the middle of the work that runs ahead of its event, while the catalog still probes. */
export const aheadPoints: readonly CrashPoint[] = rows
  .filter(({ events }) => events.includes("APICURIO_REGISTERED"))
  .flatMap(({ type }) => ["schemas.put:begin", "schemas.put:effect"].map((at) => ({ type, at })));

/** After every undo, and before the first, of an attempt that failed at its last step. Between two undos nothing happens. */
export function undoPoints(of = rows): readonly (CrashPoint & { readonly failAt: string })[] {
  return of.flatMap(({ type, events, undos }) => {
    const [first, ...others] = undos.toReversed();
    const ats = [`${first}:undo`, ...[first, ...others].map((event) => `${event}:undone`)];
    return ats.map((at) => ({ type, at, failAt: events.at(-1) ?? "" }));
  });
}

/** Three instants of one unwinding for each type: early, in the middle, and when all is undone but not yet recorded. */
export const unwindingsCutThrice: readonly { readonly type: ServiceType; readonly failAt: string; readonly ats: readonly string[] }[] = rows.map((row) => {
  const points = undoPoints([row]);
  const [first, last] = [points[1], points.at(-1)];
  const middle = points[points.length >> 1];
  if (!first || !middle || !last) throw new Error(`${row.type} has nothing to undo`);
  return { type: row.type, failAt: first.failAt, ats: [first, middle, last].map(({ at }) => at) };
});

/** What an attempt killed at this point must come to. */
export function outcomeOf({ type, at }: CrashPoint): "COMPLETED" | "ROLLED_BACK" {
  const last = rows.find((row) => row.type === type)?.events.at(-1);
  return at === `${last}:recorded` ? "COMPLETED" : "ROLLED_BACK";
}
