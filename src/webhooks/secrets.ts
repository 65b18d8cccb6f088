/** Use cases of secrets. A value leaves only in the answer to the call that made it. */
import type { Caller } from "../kernel/caller.ts";
import type { Ids } from "../kernel/ports.ts";
import type { WebhookDeps } from "./deps.ts";
import { limitReached, noSecret, secretInUse, secretSubject } from "./errors.ts";
import type { PageQuery, SignedEndpoint, WebhookTx } from "./records.ts";
import { invalidFields } from "../kernel/errors.ts";
import { newSecret, secretViolation } from "../kernel/signed-body.ts";
import type { Secret } from "./types.ts";

const mostSecrets = 200;
const pageSize = 500;

type By = Pick<Caller, "tenant" | "key">;

export interface Made {
  readonly secret: Secret;
  readonly value: string;
}

export interface SecretInput {
  readonly description: string;
  /** That of a receiver that has one; empty for a new one. */
  readonly value: string;
}

export async function createSecret({ store, ids }: WebhookDeps, input: SecretInput, by: By): Promise<Made> {
  const violation = input.value === "" ? undefined : secretViolation(input.value);
  if (violation !== undefined) throw invalidFields([{ field: "value", description: violation }]);
  return store.tx(async (tx) => makeSecret(tx, { ids }, input, by, await tx.webhookClock.now()));
}

export async function makeSecret(
  tx: WebhookTx,
  { ids }: { readonly ids: Ids },
  { description, value: given }: SecretInput,
  { tenant, key }: By,
  now: number,
): Promise<Made> {
  if ((await tx.webhookSecrets.count(tenant)) >= mostSecrets)
    throw limitReached(`the tenant has ${mostSecrets} secrets already`, { type: "tenant", name: tenant });
  const secret: Secret = { id: ids.next(), tenant, description, createdBy: key, createdAt: now, rotatedAt: undefined, formerUntil: undefined };
  const value = given === "" ? newSecret() : given;
  await tx.webhookSecrets.insert(secret, value);
  const detail = { tenant, ...(given === "" ? {} : { imported: "true" }) };
  await tx.audit.append({ subject: secretSubject(secret.id), at: now, actor: key, action: "SECRET_CREATED", detail });
  return { secret, value };
}

/**
 * Refused while an endpoint has it, or a callback of a request that is not decided, or one that still has to be sent something. Other callbacks
 * are sent nothing any more, since they would not be signed.
 */
export async function deleteSecret(deps: WebhookDeps, id: string, { tenant, key }: By): Promise<void> {
  await deps.store.tx(async (tx) => {
    if (!(await tx.webhookSecrets.lock(tenant, id))) throw noSecret(id);
    const user = await userOf(tx, deps, id, tenant);
    if (user) throw secretInUse(id, user);
    await tx.webhookSecrets.delete(tenant, id);
    await tx.audit.append({ subject: secretSubject(id), at: await tx.webhookClock.now(), actor: key, action: "SECRET_DELETED", detail: { tenant } });
  });
}

/** One that needs the secret, if there is any. */
async function userOf(tx: WebhookTx, { source }: Pick<WebhookDeps, "source">, id: string, tenant: string): Promise<SignedEndpoint | undefined> {
  for (let beforeId: string | undefined; ;) {
    const page = await tx.webhookEndpoints.signedBy(id, { tenant, beforeId, limit: pageSize });
    const undecided = new Set(await source.undecided(tx, tenant, [...new Set(page.flatMap(({ approvalId }) => approvalId ?? []))]));
    const user = page.find(({ approvalId, isWaiting }) => approvalId === undefined || isWaiting || undecided.has(approvalId));
    if (user || page.length < pageSize) return user;
    beforeId = page.at(-1)?.id;
  }
}

/** The former value signs, too, for `formerForMs`. */
export function rotateSecret({ store }: WebhookDeps, id: string, formerForMs: number, { tenant, key }: By): Promise<Made> {
  return store.tx(async (tx) => {
    const value = newSecret();
    const secret = (await tx.webhookSecrets.rotate(tenant, id, value, formerForMs)) ? await tx.webhookSecrets.find(tenant, id) : undefined;
    if (!secret) throw noSecret(id);
    const detail = { tenant, former_for_seconds: String(Math.round(formerForMs / 1_000)) };
    await tx.audit.append({ subject: secretSubject(id), at: await tx.webhookClock.now(), actor: key, action: "SECRET_ROTATED", detail });
    return { secret, value };
  });
}

export function listSecrets({ store }: Pick<WebhookDeps, "store">, query: PageQuery): Promise<readonly Secret[]> {
  return store.tx((tx) => tx.webhookSecrets.list(query));
}
