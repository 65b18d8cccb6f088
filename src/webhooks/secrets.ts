/** Use cases of secrets. A value leaves only in the answer to the call that made it. */
import type { Caller } from "../kernel/caller.ts";
import type { Ids } from "../kernel/ports.ts";
import type { WebhookDeps } from "./deps.ts";
import { limitReached, noSecret, secretSubject } from "./errors.ts";
import type { PageQuery, WebhookTx } from "./records.ts";
import { newSecret } from "../kernel/signed-body.ts";
import type { Secret } from "./types.ts";

const mostSecrets = 200;

type By = Pick<Caller, "tenant" | "key">;

export interface Made {
  readonly secret: Secret;
  readonly value: string;
}

export function createSecret({ store, ids }: WebhookDeps, description: string, by: By): Promise<Made> {
  return store.tx(async (tx) => makeSecret(tx, { ids }, description, by, await tx.webhookClock.now()));
}

export async function makeSecret(tx: WebhookTx, { ids }: { readonly ids: Ids }, description: string, { tenant, key }: By, now: number): Promise<Made> {
  if ((await tx.webhookSecrets.count(tenant)) >= mostSecrets)
    throw limitReached(`the tenant has ${mostSecrets} secrets already`, { type: "tenant", name: tenant });
  const secret: Secret = { id: ids.next(), tenant, description, createdBy: key, createdAt: now, rotatedAt: undefined, formerUntil: undefined };
  const value = newSecret();
  await tx.webhookSecrets.insert(secret, value);
  await tx.audit.append({ subject: secretSubject(secret.id), at: now, actor: key, action: "SECRET_CREATED", detail: { tenant } });
  return { secret, value };
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
