/** Naming somebody who votes in one's place. */
import { canonicalJson } from "../kernel/canonical-json.ts";
import type { TaskType } from "../kernel/task-kind.ts";
import { DomainError, type FieldViolation, invalidFields } from "../kernel/errors.ts";
import type { Actor, ApprovalDeps } from "./deps.ts";
import { isAny, memberOf, partyOf } from "./people.ts";
import type { StandIn } from "./types.ts";
import { userName } from "./who.ts";
import { maxStandIns } from "./world.ts";

/** Of one person, so that nobody takes all that a tenant may have. */
const maxOwn = 50;
/** The directory may have a tighter limit. */
const maxMs = 366 * 86_400_000;

export interface StandInInput {
  readonly to: string;
  readonly policies: readonly string[];
  readonly until: number;
}

export async function putStandIn(deps: Pick<ApprovalDeps, "store" | "ids" | "directory">, input: StandInInput, actor: Actor): Promise<StandIn> {
  const { tenant, person } = actor;
  const to = userName(input.to);
  return deps.store.tx(async (tx) => {
    const { now } = await tx.approvals.instant(tenant);
    const directory = deps.directory(tenant);
    const bad: FieldViolation[] = [];
    const { identities } = partyOf(person, directory);
    if (isAny([to], identities)) bad.push({ field: "to", description: "must be somebody else" });
    const isListed = directory !== undefined && directory !== "unknown";
    if (isListed && memberOf(to, directory)?.isEnabled !== true) bad.push({ field: "to", description: "is not in the directory, or disabled" });
    if (input.until <= now) bad.push({ field: "until", description: "must be in the future" });
    const latest = now + Math.min(maxMs, isListed ? (directory.standInMaxMs ?? maxMs) : maxMs);
    if (input.until > latest) bad.push({ field: "until", description: `must be ${new Date(latest).toISOString()} at the latest` });
    const all = await tx.standIns.list(tenant, maxStandIns);
    if (all.filter(({ from }) => identities.includes(from.key)).length >= maxOwn)
      bad.push({ field: "to", description: `you have ${maxOwn} stand-ins already` });
    if (all.length === maxStandIns) bad.push({ field: "to", description: `the tenant has ${maxStandIns} stand-ins already` });
    if (bad.length > 0) throw invalidFields(bad);
    const { key, name, groups, roles } = person;
    const standIn: StandIn = { id: deps.ids.next(), from: { key, name, groups, roles }, to, policies: input.policies, since: now, until: input.until };
    await tx.standIns.insert(tenant, standIn);
    await tx.tasks.insert(standInEnd, { id: deps.ids.next(), payload: { tenant }, dueInMs: input.until - now });
    const detail = { tenant, to, policies: canonicalJson(input.policies), until: `${input.until}` };
    await tx.audit.append({ subject: { kind: "stand-in", id: standIn.id }, at: now, actor: person.key, action: "stand-in.put", detail });
    return standIn;
  });
}

/** A stand-in has ended: those who could vote are resolved again. */
export const standInEnd: TaskType<{ readonly tenant: string }> = {
  kind: "stand-in-end",
  parse(json) {
    const { tenant } = (json ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof tenant !== "string") throw new Error("a stand-in-end task has tenant, which this payload does not");
    return { tenant };
  },
};

/** Those of the caller, on either side; of the whole tenant for admins. */
export function listStandIns(deps: ApprovalDeps, actor: Actor): Promise<readonly StandIn[]> {
  return deps.store.tx(async (tx) => {
    const all = await tx.standIns.list(actor.tenant, maxStandIns);
    return all.filter((standIn) => actor.isAdmin || isOf(standIn, deps, actor));
  });
}

export async function deleteStandIn(deps: ApprovalDeps, id: string, actor: Actor): Promise<void> {
  await deps.store.tx(async (tx) => {
    const standIn = await tx.standIns.find(actor.tenant, id);
    if (!standIn || !(actor.isAdmin || isOf(standIn, deps, actor))) {
      throw noStandIn(id);
    }
    await tx.standIns.delete(actor.tenant, id);
    const { now: at } = await tx.approvals.instant(actor.tenant);
    await tx.audit.append({ subject: { kind: "stand-in", id }, at, actor: actor.person.key, action: "stand-in.deleted", detail: { to: standIn.to } });
  });
}

export function noStandIn(id: string): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "STAND_IN_NOT_FOUND",
    message: "there is no stand-in with this id",
    subject: { type: "stand-in", name: id },
  });
}

function isOf({ from, to }: StandIn, { directory }: ApprovalDeps, { person, tenant }: Actor): boolean {
  const { identities } = partyOf(person, directory(tenant));
  return identities.includes(from.key) || identities.includes(to);
}
