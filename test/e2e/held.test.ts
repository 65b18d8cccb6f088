/** ListHeld through stock gRPC clients, in every mode: who waits for an approval, and for what. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService, type HeldInstance } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { person } from "../support/approvals.ts";
import { refusal } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, type GateScene } from "../support/gate.ts";
import { eachScene } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { listHeld } = RegistrationService.method;

inEveryMode("instances that wait", (world) => {
  let scene: GateScene;
  eachScene(world, (opened) => (scene = opened));

  test("one that is held is listed with all that it waits for, until it is live", async () => {
    const { client, muster, unique } = world();
    const name = unique("listed");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    using amy = person(muster.address, "amy");
    const before = Date.now();
    const held = await amy.register(requestFor(name, module));
    const { approval_id: approvalId, ...waitsFor } = heldBy(held);
    const { instances, nextPageToken } = await client.unary(listHeld, {});
    expect(nextPageToken).toBe("");
    const what = { serviceId: `${name}-127.0.0.1-${module.port}`, name, type: ServiceType.MODULE, host: "127.0.0.1", port: module.port, version: "1.0.0" };
    expect(instances).toMatchObject([{ ...what, approvalId, waitsFor, actor: "amy", approved: false }]);
    const [{ askedAt } = {}] = instances;
    expect(askedAt && timestampMs(askedAt)).toBeGreaterThanOrEqual(before - 60_000);
    await scene.approve(held);
    await eventually(async () => (await client.unary(listHeld, {})).instances.length === 0 || undefined);
    await unregister(client, name, module);
  });

  test("pages are sorted by service id, and filtered by name and by request", async () => {
    const { client, unique } = world();
    const names = [unique("paged-a"), unique("paged-b")] as const;
    await using one = await startFakeModule({ name: names[0], version: "1.0.0" });
    await using two = await startFakeModule({ name: names[0], version: "1.0.0" });
    await using other = await startFakeModule({ name: names[1], version: "1.0.0" });
    const first = await client.register(requestFor(names[0], one));
    await client.register(requestFor(names[0], two));
    await client.register(requestFor(names[1], other));
    const ids = [`${names[0]}-127.0.0.1-${one.port}`, `${names[0]}-127.0.0.1-${two.port}`, `${names[1]}-127.0.0.1-${other.port}`].toSorted();

    const seen: HeldInstance[] = [];
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await client.unary(listHeld, { pageSize: 2, pageToken });
      seen.push(...page.instances);
      sizes.push(page.instances.length);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(sizes).toEqual([2, 1]);
    expect(seen.map(({ serviceId }) => serviceId)).toEqual(ids);

    const idsOf = async (filter: { readonly name?: string; readonly approvalId?: string }) =>
      (await client.unary(listHeld, filter)).instances.map(({ serviceId }) => serviceId);
    expect(await idsOf({ name: names[0].toUpperCase() })).toEqual(ids.slice(0, 2));
    expect(await idsOf({ approvalId: heldBy(first)["approval_id"] ?? "" })).toEqual(ids.slice(0, 2));
    expect(await idsOf({ name: names[1], approvalId: heldBy(first)["approval_id"] ?? "" })).toEqual([]);
    expect(await idsOf({ name: "nobody-waits" })).toEqual([]);
    for (const module of [one, two]) await unregister(client, names[0], module);
    await unregister(client, names[1], other);
    expect(await idsOf({})).toEqual([]);
  });

  test("what is no page, name or request is refused, all of it at once", async () => {
    const { client } = world();
    const { code, fields } = await refusal(client, listHeld, { pageSize: 501, pageToken: "~", name: "n".repeat(129), approvalId: "a".repeat(37) });
    expect([code, fields]).toEqual([3, ["page_size", "page_token", "name", "approval_id"]]);
    expect((await refusal(client, listHeld, { pageSize: -1 })).fields).toEqual(["page_size"]);
  });
});
