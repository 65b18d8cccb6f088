/** An instance that has registered again thousands of times is unregistered with as few calls to the catalog as one that registered once. */
import { describe, expect, test } from "vitest";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import type { Adapters } from "../../src/open-adapters.ts";
import type { Catalog } from "../../src/registration/ports.ts";
import type { Registration, RegistrationTx } from "../../src/registration/records.ts";
import { sha256 } from "../../src/kernel/canonical-json.ts";
import { entryOfRegistration } from "../../src/registration/reconcile/show-entry.ts";
import { registration, schemaVersion } from "../contract/store/fixtures.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { embeddedBacking, realBacking, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { requestFor, unregister } from "../support/world.ts";

const patience = () => AbortSignal.timeout(60_000);
const formerVersions = ["0.1.0", "0.2.0", "0.3.0"];
const content = '{"type":"object"}';

/** The catalog itself; `onCall` has the name of every call but of those that watch it. */
function counted(catalog: Catalog, onCall: (name: string) => void): Catalog {
  return new Proxy(catalog, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function" || typeof name === "symbol") return member;
      return (...values: readonly unknown[]): unknown => {
        if (["register", "promote", "deregister", "instances", "trialChecks", "awaitPassing"].includes(name)) onCall(name);
        return Reflect.apply(member, target, values);
      };
    },
  });
}

/** The registrations that came before `active`: so many, of three schema versions. */
async function insertFormer(tx: RegistrationTx, active: Registration, count: number): Promise<void> {
  const { artifactId } = active.schema!;
  for (const [number, version] of formerVersions.entries()) {
    await tx.schemas.insert(schemaVersion(version, { artifactId, name: active.name, content, sha256: sha256(content), state: "ENABLED", createdAt: number }));
  }
  for (let number = 0; number < count; number++) {
    const version = formerVersions[number % formerVersions.length]!;
    await tx.registrations.insert(
      registration(`${active.id}-${number}`, {
        ...active,
        id: `${active.id}-${number}`,
        version,
        state: "SUPERSEDED",
        schema: { artifactId, version },
        registeredAt: active.registeredAt - count + number,
      }),
    );
  }
}

const byOldTask = "by a task that a former version left, with the id of every registration";
const showingFormer = "by an Unregister while the catalog still shows a superseded one";
const cases: readonly (readonly [string, readonly string[]])[] = [
  ["by an Unregister", ["deregister", "instances"]],
  [byOldTask, ["deregister", "instances"]],
  [showingFormer, ["deregister", "instances", "deregister"]],
];

function suite(back: () => Promise<Backing>): void {
  test.each(cases)("%s", async (how, expected) => {
    await using backing = await back();
    const env = { ...backing.env, MUSTER_LISTEN: "127.0.0.1:0", MUSTER_RECONCILE: "off", MUSTER_SELF_REGISTER: "off" };
    const calls: string[] = [];
    let adapters: Adapters | undefined;
    const decorate = (opened: Adapters): Adapters => (adapters = { ...opened, catalog: counted(opened.catalog, (name) => calls.push(name)) });
    await using app = await createApp(
      parseConfig(env, () => ""),
      { log: () => undefined, decorate },
    );
    const { store, catalog, schemas } = adapters!;
    using client = connect(`127.0.0.1:${app.address.port}`);
    const name = `history-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    expect((await client.register(requestFor(name, module))).types.at(-1)).toBe("COMPLETED");
    const serviceId = `${name}-${module.host}-${module.port}`;
    const active = (await store.tx((tx) => tx.registrations.findActive(serviceId)))!;
    const { artifactId } = active.schema!;
    for (const version of formerVersions) await schemas.put({ artifactId, version, kind: "JSON", content }, active.id, patience());
    await store.tx((tx) => insertFormer(tx, active, 2_000));
    expect(await schemas.versions(artifactId, patience())).toHaveLength(4);

    if (how === showingFormer) {
      const former = await store.tx((tx) => tx.registrations.find(`${active.id}-7`));
      await catalog.promote(entryOfRegistration(former!), patience());
    }
    calls.length = 0;
    if (how !== byOldTask) {
      expect((await unregister(client, name, module)).message).not.toContain("follow");
    } else {
      await store.tx(async (tx) => {
        const registrationIds = (await tx.registrations.endAll(serviceId, active.registeredAt)).map(({ id }) => id);
        expect(registrationIds).toHaveLength(2_001);
        await tx.tasks.insert({ kind: "withdraw", parse: Object }, { id: "left", payload: { registrationIds } });
      });
      await expect.poll(() => store.tx((tx) => tx.tasks.exists("left"))).toBe(false);
    }
    expect(calls).toEqual(expected);
    expect(await catalog.instances({ serviceId }, patience())).toEqual([]);
    expect(await schemas.versions(artifactId, patience())).toEqual([]);
    expect(await store.tx((tx) => tx.tasks.backlog())).toEqual([]);
  });
}

describe("two thousand superseded registrations are withdrawn (embedded)", () => suite(embeddedBacking));
describeReal("two thousand superseded registrations are withdrawn (real servers)", (servers) => suite(() => realBacking(servers)));
