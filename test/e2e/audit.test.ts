/** Who did what, as the audit has it after every kind of change: exact chains, of all that was asked for and nothing else. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { firstBroken, type AuditRow } from "../../src/kernel/audit.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const anonymous = "open|anonymous";

inEveryMode("the audit", (world) => {
  test("has one row for each change, with who made it", async () => {
    const { client, unique, rows } = world();
    const { updateTags } = PlatformRegistrationService.method;
    const name = unique("audited");
    let lies = false;
    await using module = await startFakeModule({ name, version: "1.0.0", describe: () => (lies ? { version: "2" } : {}) });
    const serviceId = `${name}-127.0.0.1-${module.port}`;

    const first = await client.register(requestFor(name, module, { tags: ["one"] }));
    await client.register(requestFor(name, module, { tags: ["one"] }));
    await client.register(requestFor(name, module, { validateOnly: true }));
    await client.unary(updateTags, { serviceId, tags: ["two", "three"] });
    await client.unary(updateTags, { serviceId, tags: ["two", "three"] });
    const second = await client.register(requestFor(name, module, { tags: ["one"], metadata: { zone: "b" } }));
    lies = true;
    const third = await client.register(requestFor(name, module, { tags: ["four"] }));
    module.setStatus("NOT_SERVING");
    const fourth = await client.register(requestFor(name, module, { tags: ["five"] }), ({ eventType, attemptId }) => {
      if (eventType === EventType.HEALTH_WAITING)
        void client.unary(RegistrationService.method.cancelAttempt, { attemptId, reason: "enough" }).catch(() => undefined);
    });
    await unregister(client, name, module);
    await unregister(client, name, module);

    // Registered twice, with what Register and UpdateTags gave them.
    const attempts = { first: first.attemptId, second: second.attemptId, third: third.attemptId, fourth: fourth.attemptId };
    expect([first, second, third, fourth].map(({ types }) => types.at(-1))).toEqual(["COMPLETED", "COMPLETED", "FAILED", "FAILED"]);
    const chain = (await rows("SELECT * FROM audit WHERE subject = ? ORDER BY sequence", [serviceId])).map(auditRow(serviceId));
    const started = (attempt: string) => [
      "REGISTRATION_STARTED",
      anonymous,
      { attempt_id: attempt, request_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    ];
    const failed = (attempt: string, reason: string) => ["REGISTRATION_FAILED", "muster", { attempt_id: attempt, reason, state: "ROLLED_BACK" }];
    expect(chain.map(({ action, actor, detail }) => [action, actor, detail])).toEqual([
      started(attempts.first),
      ["REGISTERED", anonymous, { attempt_id: attempts.first, version: "1.0.0", claims: name }],
      ["TAGS_UPDATED", anonymous, { attempt_id: attempts.first, before: "one", after: "two,three" }],
      started(attempts.second),
      ["REGISTERED", anonymous, { attempt_id: attempts.second, version: "1.0.0", replaces: attempts.first }],
      started(attempts.third),
      failed(attempts.third, "CALLBACK_IDENTITY_MISMATCH"),
      started(attempts.fourth),
      ["CANCEL_REQUESTED", anonymous, { attempt_id: attempts.fourth, reason: "enough" }],
      failed(attempts.fourth, "CANCELLED"),
      ["UNREGISTERED", anonymous, { registrations: expect.stringContaining(attempts.second) as string }],
    ]);
    expect(firstBroken(chain)).toBeUndefined();
  });
});

function auditRow(serviceId: string): (row: Record<string, unknown>) => AuditRow {
  return ({ sequence, at, actor, action, detail, previous_hash, hash }) => ({
    subject: { kind: "instance", id: serviceId },
    sequence: Number(sequence),
    at: Number(at),
    actor: String(actor),
    action: String(action),
    detail: JSON.parse(String(detail)) as AuditRow["detail"],
    previousHash: String(previous_hash),
    hash: String(hash),
  });
}
