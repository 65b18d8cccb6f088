/**
 * What follows for registrations from what approvals decide, in the transaction that decides it.
 *
 * Guarantees: an approval admits its content and leaves one task for each instance that asks, in the commit that approves; so that
 * nothing is approved and forgotten. Whatever else ends a request ends its asks. Revoked, or superseded, a content is not admitted any more.
 */
import type { Ids } from "../../kernel/ports.ts";
import { DomainError } from "../../kernel/errors.ts";
import { endKey, type EndKeyDeps } from "../end-key.ts";
import type { Registration, RegistrationTx } from "../records.ts";
import { tagsOf } from "../tags.ts";
import { beginTask } from "../task-types.ts";
import type { GatePolicy } from "./approvals.ts";
import { contextOf, digestOf, subjectIdOf, type Context } from "./content.ts";
import type { Admission, Ask } from "./gate-records.ts";
import { liveCandidate } from "./live-candidate.ts";

export interface DecisionDeps extends EndKeyDeps {
  readonly ids: Ids;
  readonly now: () => number;
  readonly environment: string;
}

/** The content is approved. `supersede` says so of the requests of former contents. */
export async function admitContent(
  tx: RegistrationTx,
  { ids }: Pick<DecisionDeps, "ids">,
  approval: { readonly id: string; readonly subjectId: string; readonly digest: string; readonly context: Context; readonly actor: string },
  policy: GatePolicy,
  supersede: (approvalIds: readonly string[]) => Promise<void>,
): Promise<void> {
  const { id: approvalId, subjectId, digest, context, actor } = approval;
  const former = await tx.gate.admissions(subjectId);
  if (former.length > 0) {
    await tx.gate.move();
    await tx.gate.removeAdmissions(former.map(({ id }) => id));
    await supersede(former.flatMap((one) => one.approvalId ?? []));
  }
  const way = policy.way({ id: subjectId, digest }, context, actor).name;
  await tx.gate.admit({ id: ids.next(), subjectId, digest, reads: policy.reads, policyVersion: policy.version, way, approvalId });
  await beginAll(tx, ids, approvalId);
}

/** Leaves a task for every instance that asks. */
async function beginAll(tx: RegistrationTx, ids: Ids, approvalId: string): Promise<number> {
  const asks = await tx.asks.of(approvalId);
  if (asks.length === 0) return 0;
  await tx.asks.setAdmitted(approvalId);
  for (const { serviceId, generation } of asks) await tx.tasks.insert(beginTask, { id: ids.next(), payload: { approvalId, serviceId, generation } });
  return asks.length;
}

/**
 * The content of this approval, which `reads` these names, is not admitted any more; with `evict`, its instances that serve are taken
 * off the platform. Other contents of the version stay as they are.
 */
export async function revokeContent(
  tx: RegistrationTx,
  deps: DecisionDeps,
  approval: {
    readonly id: string;
    readonly subjectId: string;
    readonly digest: string;
    readonly context: Context;
    readonly by: string;
    readonly reason: string;
  },
  { reads }: Pick<GatePolicy, "reads">,
  evict: boolean,
): Promise<void> {
  const { id: approvalId, subjectId, digest, context, by: actor, reason } = approval;
  await tx.gate.move();
  // Also what was live when the gate was turned on, where that is the same by what is read of it.
  const its = (await tx.gate.admissions(subjectId)).filter((one) => one.approvalId === approvalId || one.digest === digestOf(context, one.reads));
  await tx.gate.removeAdmissions(its.map(({ id }) => id));
  if (!evict) return;
  for (const registration of await liveOf(tx, subjectId)) {
    const { serviceId, id } = registration;
    // The name may have another owner by now.
    if (digestOf(await liveContext(tx, registration, String(context["owner"]), deps.environment), reads) !== digest) continue;
    const key = await tx.instances.lockId(serviceId);
    if (!key || (await tx.registrations.find(id))?.state !== "ACTIVE") continue;
    const why = { approval_id: approvalId, reason: reason === "" ? "its approval was revoked" : reason };
    await endKey(tx, deps, key, { taskId: deps.ids.next(), actor, now: deps.now(), why });
  }
}

/** The context of what is live, as far as it is part of a content. */
async function liveContext(tx: RegistrationTx, registration: Registration, owner: string, environment: string): Promise<Context> {
  const known = { owner, tags: tagsOf(registration), hadOthers: true, live: [], asking: [] };
  return contextOf(await liveCandidate(tx, registration), known, environment);
}

async function liveOf(tx: RegistrationTx, subjectId: string): Promise<readonly Registration[]> {
  const found: Registration[] = [];
  for await (const registration of allActive(tx)) if (subjectIdOf(registration) === subjectId) found.push(registration);
  return found;
}

export interface AdmittingLive {
  readonly isAllowed: boolean;
  /** The contents of one version of a name whose approval was revoked, and the names of the context that are part of each. */
  readonly revokedOf: (subjectId: string) => Promise<readonly Pick<Admission, "digest" | "reads">[]>;
}

/**
 * The gate is turned on, or its policy changes: what is live is admitted as it is, but for what was revoked and only goes on serving.
 * Resolves to how many registrations are so for the first time.
 */
export async function admitLive(tx: RegistrationTx, deps: DecisionDeps, policy: GatePolicy, { isAllowed, revokedOf }: AdmittingLive): Promise<number> {
  await tx.gate.move(true);
  // Many registrations share a name, a version and a schema: each of these is read once.
  const owners = remembered(async (name: string) => (await tx.names.find(name))?.owner);
  const former = remembered((subjectId: string) => tx.gate.admissions(subjectId));
  const revoked = remembered(revokedOf);
  const shared: RegistrationTx = { ...tx, schemas: { ...tx.schemas, find: remembered(tx.schemas.find) } };
  const admissions = new Map<string, Admission>();
  let admitted = 0;
  for await (const registration of allActive(tx)) {
    const { name, actor } = registration;
    const context = await liveContext(shared, registration, (await owners(name)) ?? actor, deps.environment);
    const subjectId = subjectIdOf(registration);
    const isThis = (one: Pick<Admission, "digest" | "reads">): boolean => one.digest === digestOf(context, one.reads);
    if ((await former(subjectId)).some(isThis) || (await revoked(subjectId)).some(isThis)) continue;
    if (!isAllowed) throw somethingIsLive(registration);
    admitted += 1;
    const { reads, version: policyVersion } = policy;
    const digest = digestOf(context, reads);
    admissions.set(`${digest} ${subjectId}`, { id: deps.ids.next(), subjectId, digest, reads, policyVersion, way: undefined, approvalId: undefined });
  }
  await tx.gate.admit(...admissions.values());
  return admitted;
}

/** The gate is turned off. With `release` every instance that asks goes live. `cancel` ends a request. Resolves to how many there were. */
export async function openGate(
  tx: RegistrationTx,
  { ids }: Pick<DecisionDeps, "ids">,
  release: boolean,
  cancel: (approvalId: string) => Promise<void>,
): Promise<number> {
  await tx.gate.move(false);
  const asking: Ask[] = [];
  for (
    let page = await tx.asks.list({ afterId: "", limit: atOnce });
    page.length > 0;
    page = await tx.asks.list({ afterId: asking.at(-1)?.serviceId ?? "", limit: atOnce })
  ) {
    asking.push(...page);
  }
  const requests = new Set(asking.filter(({ isAdmitted }) => !isAdmitted).map(({ approvalId }) => approvalId));
  for (const approvalId of requests) {
    if (release) await beginAll(tx, ids, approvalId);
    await cancel(approvalId);
  }
  return requests.size;
}

const atOnce = 200;

/** The same function, that asks once for the same arguments. */
function remembered<A extends readonly string[], V>(ask: (...given: A) => Promise<V>): (...given: A) => Promise<V> {
  const known = new Map<string, Promise<V>>();
  return (...given) => {
    const key = JSON.stringify(given);
    const found = known.get(key) ?? ask(...given);
    known.set(key, found);
    return found;
  };
}

async function* allActive(tx: RegistrationTx): AsyncGenerator<Registration> {
  let afterId = "";
  for (;;) {
    const page = await tx.registrations.listActive(afterId, atOnce);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < atOnce) return;
    afterId = last.id;
  }
}

function somethingIsLive({ serviceId }: Registration): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "WRONG_STATE",
    message: `${serviceId} is live and was never approved: with admit_live it is admitted as it is`,
    subject: { type: "service", name: serviceId },
  });
}
