/** Secrets that are brought and deleted, and what is sent when one is gone. */
import { expect, test } from "vitest";
import { addCallback, deleteEndpoint, updateEndpoint } from "../../src/webhooks/endpoints.ts";
import { redeliver } from "../../src/webhooks/deliveries.ts";
import { createSecret, deleteSecret, listSecrets } from "../../src/webhooks/secrets.ts";
import { admin, openWebhookScene, type WebhookScene } from "../support/webhook-scene.ts";

const brought = "the-secret-of-a-receiver-that-is-there";
const inUse = (id: string, text: string) => ({ reason: "WEBHOOK_SECRET_IN_USE", message: text, subject: { type: "webhook-secret", name: id } });

async function secretsOf({ webhooks }: WebhookScene): Promise<readonly string[]> {
  return (await listSecrets(webhooks.deps, { tenant: "default", limit: 9 })).map(({ id }) => id);
}

test("a secret is not deleted while an endpoint has it, also a disabled one; then it is gone, and the audit says so", async () => {
  await using scene = await openWebhookScene();
  const { deps } = scene.webhooks;
  const { id, secretId = "" } = await scene.endpoint();
  await updateEndpoint(deps, id, { isEnabled: false }, admin);
  await expect(deleteSecret(deps, secretId, admin)).rejects.toMatchObject(inUse(secretId, `the endpoint ${id} is signed by it`));
  const { secret } = await createSecret(deps, { description: "", value: "" }, admin);
  await updateEndpoint(deps, id, { secretId: secret.id }, admin);
  await deleteSecret(deps, secretId, admin);
  expect(await secretsOf(scene)).toEqual([secret.id]);
  await expect(deleteSecret(deps, secretId, admin)).rejects.toMatchObject({ reason: "WEBHOOK_SECRET_NOT_FOUND" });
  await expect(scene.endpoint({ secretId })).rejects.toMatchObject({ reason: "INVALID_FIELDS" });
  await deleteEndpoint(deps, id, admin);
  await deleteSecret(deps, secret.id, admin);
  const chain = await scene.store.tx((tx) => tx.audit.list({ kind: "webhook-secret", id: secret.id }));
  expect(chain.map(({ action, actor }) => [action, actor])).toEqual([
    ["SECRET_CREATED", "open|root"],
    ["SECRET_DELETED", "open|root"],
  ]);
});

test("a secret of a callback is not deleted before its request is decided, and told", async () => {
  await using scene = await openWebhookScene();
  const { deps } = scene.webhooks;
  const { secret } = await createSecret(deps, { description: "", value: "" }, admin);
  const approvalId = await scene.ask("x", { callback: { url: "https://example.org/hook", secretId: secret.id } });
  await scene.clock.pass(0);
  expect(await scene.isIdle()).toBe(true);
  await expect(deleteSecret(deps, secret.id, admin)).rejects.toMatchObject({ message: expect.stringMatching(/^the callback .* is signed by it$/) });
  scene.answer(500);
  await scene.vote(approvalId, "bob", "reject");
  await scene.clock.pass(0);
  await expect(deleteSecret(deps, secret.id, admin)).rejects.toMatchObject({ reason: "WEBHOOK_SECRET_IN_USE" });
  scene.answer(200);
  await scene.clock.pass(70_000);
  expect(scene.types().at(-1)).toBe("request_rejected");
  await deleteSecret(deps, secret.id, admin);
  expect(await secretsOf(scene)).toEqual([]);
});

test("of many callbacks the one that needs it is found, however many do not", async () => {
  await using scene = await openWebhookScene();
  const { deps } = scene.webhooks;
  const { secret } = await createSecret(deps, { description: "", value: "" }, admin);
  await scene.ask("x", { callback: { url: "https://example.org/hook", secretId: secret.id } });
  await scene.clock.pass(0);
  await scene.store.tx(async (tx) => {
    for (let n = 0; n < 1_100; n++) await addCallback(tx, deps, `ended-${n}`, { url: "https://example.org/hook", secretId: secret.id }, admin);
  });
  await expect(deleteSecret(deps, secret.id, admin)).rejects.toMatchObject({ reason: "WEBHOOK_SECRET_IN_USE" });
});

test("what is signed is not sent unsigned when the secret is gone, also by hand", async () => {
  await using scene = await openWebhookScene();
  const { deps } = scene.webhooks;
  const { secret } = await createSecret(deps, { description: "", value: "" }, admin);
  const approvalId = await scene.ask("x", { callback: { url: "http://127.0.0.1/hook", secretId: secret.id } });
  await scene.vote(approvalId, "bob", "reject");
  await scene.clock.pass(0);
  const sent = scene.posts.length;
  await deleteSecret(deps, secret.id, admin);
  const [endpoint] = await scene.store.tx((tx) => tx.webhookEndpoints.list({ tenant: "default", approvalId, limit: 1 }));
  const [{ id } = { id: "" }] = endpoint ? await scene.all(endpoint) : [];
  const again = redeliver(deps, id, admin);
  await scene.clock.pass(0);
  expect((await again).attempts.at(-1)).toMatchObject({ result: "DENIED", error: "its secret was deleted", isManual: true });
  expect(scene.posts).toHaveLength(sent);
});

test("a secret that is brought signs as it is; no answer, list, audit or error has it", async () => {
  await using scene = await openWebhookScene();
  const { deps } = scene.webhooks;
  const { secret } = await createSecret(deps, { description: "old", value: brought }, admin);
  await scene.endpoint({ secretId: secret.id, types: ["request_created"] });
  await scene.ask();
  await scene.clock.pass(0);
  expect(scene.posts[0]?.headers).toHaveProperty("X-Approval-Signature");
  expect(scene.posts[0]?.headers).not.toHaveProperty("webhook-signature");
  const chain = await scene.store.tx((tx) => tx.audit.list({ kind: "webhook-secret", id: secret.id }));
  expect(chain).toMatchObject([{ action: "SECRET_CREATED", detail: { imported: "true" } }]);
  const refused: unknown = await createSecret(deps, { description: "", value: `${brought} ` }, admin).catch((error: unknown) => error);
  expect(refused).toMatchObject({ reason: "INVALID_FIELDS" });
  const list = await listSecrets(deps, { tenant: "default", limit: 9 });
  expect(JSON.stringify([chain, list, refused, String(refused), scene.lines])).not.toContain(brought);
});
