/** Attempts as resources: looked up, listed in pages, followed from anywhere, cancelled. */
import { expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { AttemptState, RegistrationService, type WatchAttemptResponse } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, leftInConsul, requestFor, unregister } from "../support/world.ts";

const { getAttempt, listAttempts, watchAttempt, cancelAttempt } = RegistrationService.method;

function eventsOf(items: readonly WatchAttemptResponse[]) {
  return items.flatMap(({ item }) => (item.case === "event" ? [item.value] : []));
}

inEveryMode("attempts", (world) => {
  test("a finished attempt is replayed, from any sequence on", async () => {
    const { client, unique } = world();
    const name = unique("replay");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { events, attemptId } = await client.register(requestFor(name, module));
    for (const after of [0, 4, events.length]) {
      const { messages, status } = await client.stream(watchAttempt, { attemptId, afterSequence: BigInt(after) });
      if (after < events.length) {
        expect(eventsOf(messages)).toEqual(events.slice(after));
        expect(status.code).toBe(0);
      } else {
        expect(eventsOf(messages)).toEqual([]);
        expect(status.code).toBe(0);
      }
    }
    await unregister(client, name, module);
  });

  test("a running attempt is followed without a gap, with heartbeats while it is quiet, and can be cancelled", async () => {
    const { client, real, unique } = world();
    const name = unique("followed");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const started = Promise.withResolvers<string>();
    const running = client.register(requestFor(name, module), ({ eventType, attemptId }) => {
      if (eventType === EventType.HEALTH_CHECK_CONFIGURED) started.resolve(attemptId);
    });
    const attemptId = await started.promise;
    const beat = Promise.withResolvers<void>();
    const watching = client.stream(watchAttempt, { attemptId, afterSequence: 2n }, ({ item }) => {
      if (item.case === "heartbeat") beat.resolve();
    });
    await beat.promise;

    const { attempt } = await client.unary(cancelAttempt, { attemptId, reason: "changed my mind" });
    expect(attempt?.cancelRequested).toBe(true);
    const { types, errorDetail, events } = await running;
    expect(types.at(-1)).toBe("FAILED");
    expect(errorDetail).toMatch(/^CANCELLED: .*changed my mind/);
    const watched = await watching;
    expect(eventsOf(watched.messages)).toEqual(events.slice(2));
    expect(watched.status.code).toBe(0);
    if (real) expect(await leftInConsul(real, name)).toEqual([]);
    const ended = await client.unary(getAttempt, { attemptId });
    expect(ended.attempt?.state).toBe(AttemptState.ROLLED_BACK);
    await expect(client.unary(cancelAttempt, { attemptId })).rejects.toMatchObject({
      status: { code: 9, reason: "ATTEMPT_FINISHED", inWrongState: attemptId },
    });
  });

  test("listed newest first, filtered and in pages", async () => {
    const { client, unique } = world();
    const name = unique("listed");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const ids: string[] = [];
    for (const tag of ["a", "b", "c"]) ids.unshift((await client.register(requestFor(name, module, { tags: [tag] }))).attemptId);
    const failed = await client.register(requestFor(name, { host: "127.0.0.1", port: 9 }, { startupGrace: {} }));
    ids.unshift(failed.attemptId);

    const pages: string[][] = [];
    for (let pageToken = ""; ;) {
      const page = await client.unary(listAttempts, { name, pageSize: 3, pageToken });
      pages.push(page.attempts.map(({ attemptId }) => attemptId));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(pages).toEqual([ids.slice(0, 3), ids.slice(3)]);
    const onlyFailed = await client.unary(listAttempts, { name, states: [AttemptState.ROLLED_BACK] });
    expect(onlyFailed.attempts.map(({ attemptId }) => attemptId)).toEqual([failed.attemptId]);
    const byService = await client.unary(listAttempts, { serviceId: `${name}-127.0.0.1-${module.port}` });
    expect(byService.attempts).toHaveLength(3);
    await unregister(client, name, module);
  });

  test("an error for a bad request names what is wrong in it, unknown attempts are NOT_FOUND", async () => {
    const { client } = world();
    await expect(client.unary(getAttempt, { attemptId: "" })).rejects.toMatchObject({ status: { code: 3, fields: ["attempt_id"] } });
    await expect(client.unary(getAttempt, { attemptId: "nobody" })).rejects.toMatchObject({ status: { code: 5, reason: "ATTEMPT_NOT_FOUND" } });
    await expect(client.unary(cancelAttempt, { attemptId: "nobody" })).rejects.toMatchObject({ status: { code: 5 } });
    expect((await client.stream(watchAttempt, { attemptId: "nobody" })).status.code).toBe(5);
    expect((await client.stream(watchAttempt, { attemptId: "x", afterSequence: -1n })).status).toMatchObject({ code: 3, fields: ["after_sequence"] });
    const bad = { pageSize: 501, pageToken: "me", states: [AttemptState.UNSPECIFIED] };
    await expect(client.unary(listAttempts, bad)).rejects.toMatchObject({ status: { code: 3, fields: ["page_size", "page_token", "states"] } });
  });

  test("metrics count what happened", async () => {
    const { muster } = world();
    const body = await eventually(async () => {
      const text = await (await fetch(`http://${muster.address}/metrics`)).text();
      return /^outbox_waiting 0$/m.test(text) ? text : undefined;
    });
    expect(body).toMatch(/^registrations_completed_total\{type="MODULE"\} [4-9]/m);
    expect(body).toMatch(/^registrations_failed_total\{type="MODULE",reason="CANCELLED"\} 1$/m);
    expect(body).toMatch(/^attempts\{state="STUCK"\} 0$/m);
    expect(body).toMatch(/^grpc_server_handled_total\{[^}]*grpc_method="Register",grpc_code="OK"\} [1-9]/m);
    expect(body).toMatch(/^grpc_server_handling_seconds_count\{[^}]*grpc_method="CancelAttempt"\} [1-9]/m);
    expect(body).toMatch(/^registration_step_seconds_count\{step="APICURIO_REGISTERED"\} [4-9]/m);
  });
});
