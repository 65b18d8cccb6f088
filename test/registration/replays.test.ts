/** What a request id is answered with after what it registered has changed. */
import { expect, test } from "vitest";
import { unregister } from "../../src/registration/unregister.ts";
import { caller, host, inputFor, openWorkshop, port, typesOf } from "../support/workshop.ts";

test("a request id whose registration has ended or was replaced is answered so, and not as completed", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const given = inputFor("parser", { requestId: "deploy-42" });
  const { attemptId } = await replica.register(given);
  await replica.events(attemptId);
  const ended = { kind: "wrong_state", reason: "REGISTRATION_ENDED", metadata: { attempt_id: attemptId } };
  expect(await replica.register(given)).toMatchObject({ attemptId, isNew: false });
  const unchanged = inputFor("parser", { requestId: "deploy-43" });
  await replica.events((await replica.register(unchanged)).attemptId);

  await replica.events((await replica.register(inputFor("parser", { tags: ["new"] }))).attemptId);
  for (const one of [given, unchanged]) await expect(replica.register(one)).rejects.toMatchObject({ reason: "REGISTRATION_ENDED" });
  await replica.events((await replica.register(inputFor("parser"))).attemptId);
  for (const one of [given, unchanged]) expect((await replica.register(one)).isNew).toBe(false);

  const { ports, ids } = workshop;
  await unregister({ ports, ids, runner: replica.runner, runTask: async () => true }, { name: "parser", host, port }, caller);
  await expect(replica.register(given)).rejects.toMatchObject(ended);
  const again = await replica.register(inputFor("parser", { requestId: "deploy-44" }));
  expect(typesOf(await replica.events(again.attemptId)).at(-1)).toBe("COMPLETED");
  // Registered again, as it asked.
  expect(await replica.register(given)).toMatchObject({ attemptId });
});
