/** `muster webhooks` against a running Muster. */
import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { ask, person, usePolicy } from "../support/approvals.ts";
import { eventually } from "../support/instances.ts";
import { runCli } from "../support/muster-cli.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { inEveryMode } from "../support/world.ts";

const policyOf = (key: string) => `{key: ${key}, subject: ${key}, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}`;

inEveryMode("webhooks on the command line", (world) => {
  const muster = (...args: readonly string[]) => runCli(["webhooks", ...args], { MUSTER_ADDRESS: world().muster.address, MUSTER_PRINCIPAL: "root" });
  const json = async (...args: readonly string[]) => JSON.parse((await muster(...args, "-o", "json")).out) as Readonly<Record<string, never>>;

  test("an endpoint is added with its secret shown once, tested, sent an event, and looked at", async () => {
    const key = world().unique("cli");
    await using receiver = await startWebhookReceiver();
    const added = await muster("add", receiver.url, "--type", "request_created", "--subject", key, "--description", "mine");
    expect([added.code, added.out]).toEqual([0, expect.stringMatching(/^endpoint +[0-9a-f-]{36}\n/)]);
    const secret = /\nIts secret, which is not shown again:\n(whsec_\S+)\n/.exec(added.out)?.[1] ?? "";
    const id = /^endpoint +(\S+)/.exec(added.out)?.[1] ?? "";
    expect((await muster("list")).out).toContain(`${id}  enabled  ${receiver.url}  request_created  ${key}`);
    expect((await muster("show", id)).out).toMatch(/^endpoint +\S+\nurl +http:\S+\nstate +enabled\ntypes +request_created\n/);

    const tested = await muster("test", id);
    expect([tested.code, tested.out]).toEqual([0, expect.stringMatching(/state +delivered\n[\s\S]*HTTP 200 +\d+ ms +127\.0\.0\.1 +by hand/)]);
    receiver.answer((_received, response) => response.writeHead(418).end("teapot"));
    const failed = await muster("test", id);
    expect([failed.code, failed.out]).toEqual([1, expect.stringMatching(/state +given up\nwhy +a test is sent once\n[\s\S]*HTTP 418[\s\S]*teapot/)]);
    receiver.answer(200);

    using admin = person(world().muster.address, "root");
    await usePolicy(admin, policyOf(key));
    const opened = await ask(admin, { policyKey: key, subject: { type: key, id: "x", digest: "d" } });
    const [received] = await receiver.atLeast(1, ({ event }) => event.request_id === opened.id);
    new Webhook(secret).verify(received?.body ?? "", received?.headers as Record<string, string>);
    const listed = await eventually(async () => {
      const { out } = await muster("deliveries", "--request", opened.id, "--state", "delivered");
      return out.includes("request_created") ? out : undefined;
    });
    const deliveryId = /\n([0-9a-f-]{36}) +delivered +request_created +1 /.exec(listed)?.[1] ?? "";
    expect((await muster("delivery", deliveryId)).out).toContain(`body      ${received?.body}`);
    expect((await muster("redeliver", deliveryId)).code).toBe(0);
    expect((await muster("deliveries", "--endpoint", id, "--state", "given-up")).out).toContain("a test is sent once");
    expect((await muster("delivery", "01a218d4-af48-707d-a057-5afb22360873")).code).toBe(5);
  });

  test("an endpoint is changed, disabled, enabled, replayed to, and deleted", async () => {
    await using receiver = await startWebhookReceiver();
    const { endpoint } = (await json("add", receiver.url)) as unknown as { endpoint: { id: string } };
    const { id } = endpoint;
    expect(await json("update", id, "--type", "request_approved", "--disable")).toMatchObject({ enabled: false, types: ["request_approved"] });
    expect(await json("update", id, "--everything", "--url", `${receiver.url}/other`)).toMatchObject({
      enabled: false,
      types: [],
      url: `${receiver.url}/other`,
    });
    expect((await muster("replay", id, "--since", "2h")).code).toBe(6);
    expect(await json("update", id, "--enable")).toMatchObject({ enabled: true, disabledReason: "" });
    expect((await muster("replay", id, "--since", "2h")).out).toMatch(/begun/);
    expect((await muster("delete", id)).out).toBe("✓ deleted\n");
    expect((await muster("show", id)).code).toBe(5);
  });

  test("secrets are made, rotated and listed; a callback uses one", async () => {
    const key = world().unique("cli-callback");
    await using receiver = await startWebhookReceiver();
    const made = (await json("new-secret", "--description", key)) as unknown as { secret: { id: string }; value: string };
    expect((await muster("rotate", made.secret.id, "--former-for", "7d")).out).toMatch(/  6d|  7d/);
    const { out } = await muster("secrets", "--limit", "0");
    expect(out).toMatch(new RegExp(`${made.secret.id} .* ${key}\n`));
    expect(out).not.toContain("whsec_");
    using admin = person(world().muster.address, "root");
    await usePolicy(admin, policyOf(key));
    const create = ["approvals", "create", key, `${key}/x`, "--digest", "d"];
    const env = { MUSTER_ADDRESS: world().muster.address, MUSTER_PRINCIPAL: "amy" };
    expect((await runCli([...create, "--callback", receiver.url, "--callback-secret", made.secret.id], env)).code).toBe(0);
    const [received] = await receiver.atLeast(1);
    new Webhook(made.value).verify(received?.body ?? "", received?.headers as Record<string, string>);
    expect((await muster("list", "--request", received?.event.request_id ?? "")).out).toContain(receiver.url);
  });

  test("a secret is brought in a file, is not shown, and is deleted", async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-webhook-secret-"));
    const file = join(folder, "secret");
    await writeFile(file, "the-secret-of-a-receiver\n");
    const { out, err, code } = await muster("new-secret", "--value-from", file, "--description", "brought");
    expect([code, err, out.includes("brought"), out.includes("the-secret")]).toEqual([0, "", true, false]);
    const id = /[0-9a-f-]{36}/.exec(out)?.[0] ?? "";
    await using receiver = await startWebhookReceiver();
    const endpoint = (await json("add", receiver.url, "--subject", "nothing", "--secret", id)) as unknown as { endpoint: { id: string } };
    await muster("test", endpoint.endpoint.id);
    const { body = "", headers = {} } = receiver.received[0] ?? {};
    const signed = createHmac("sha256", "the-secret-of-a-receiver").update(`${String(headers["x-approval-timestamp"])}.${body}`);
    expect(headers["x-approval-signature"]).toBe(`sha256=${signed.digest("hex")}`);
    const refused = await muster("delete-secret", id);
    expect([refused.code, refused.err]).toEqual([6, expect.stringContaining(`the endpoint ${endpoint.endpoint.id} is signed by it`)]);
    await muster("delete", endpoint.endpoint.id);
    expect((await muster("delete-secret", id)).out).toBe("✓ deleted\n");
    expect((await muster("delete-secret", id)).code).toBe(5);
    await writeFile(file, "\n");
    const empty = await muster("new-secret", "--value-from", file);
    expect([empty.code, empty.err]).toEqual([2, expect.stringContaining("is empty")]);
    await rm(folder, { recursive: true });
  });

  test.each([
    [["new-secret", "--value-from", "/nowhere"], "the file /nowhere cannot be read"],
    [["add", "ftp://example.org"], "url must be https"],
    [["update", "x"], "nothing is to be changed"],
    [["update", "x", "--enable", "--disable"], "--enable and --disable cannot both be given"],
    [["update", "x", "--everything", "--type", "request_approved"], "--everything cannot be given with"],
    [["replay", "x"], "--since is missing"],
    [["replay", "x", "--since", "yesterday"], "must be a duration such as 7d"],
    [["rotate", "x", "--former-for", "soon"], "must be a duration"],
    [["deliveries", "--state", "lost"], "--state"],
  ])("%j: exit code 2", async (args, text) => {
    const { code, err } = await muster(...args);
    expect([code, err]).toEqual([2, expect.stringContaining(text)]);
  });

  test("a secret of a callback that is not there is wrong usage", async () => {
    const { code, err } = await runCli(["approvals", "create", "k", "t/x", "--digest", "d", "--callback-secret", "x"], {
      MUSTER_ADDRESS: world().muster.address,
    });
    expect([code, err]).toEqual([2, expect.stringContaining("there is no --callback")]);
  });
});
