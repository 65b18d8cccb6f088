/** What others do to Muster's entries in Consul is put right; what is not Muster's to touch is left alone. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { agentHealth, metricOf, putEntry, removeCheck, removeEntry, removeFromCatalog, type AgentEntry, type Health } from "../support/consul-agent.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster, type Environment, type MusterProcess } from "../support/muster.ts";
import { startOwnConsul, type OwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, passingInConsul, requestFor, unregister } from "../support/world.ts";

describeReal("drift", (servers) => {
  let consul: OwnConsul;
  beforeAll(async () => {
    consul = await startOwnConsul(servers);
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  async function scene(name: string, env: Environment = {}) {
    await using stack = new AsyncDisposableStack();
    const backing = stack.use(await embeddedBacking());
    const muster: MusterProcess = stack.use(
      await startMuster({ ...backing.env, MUSTER_CATALOG: `consul+${consul.url}`, MUSTER_RECONCILE_EVERY: "1s", ...env }),
    );
    const module = stack.use(await startFakeModule({ name, version: "1.0.0" }));
    const client: MusterClient = stack.use(connect(muster.address));
    expect((await client.register(requestFor(name, module, { tags: ["x"] }))).types).toEqual(moduleSteps);
    const id = `${name}-${module.host}-${module.port}`;
    const health = await agentHealth(consul.url, id);
    if (!health) throw new Error("not in Consul");
    const owned = stack.move();
    return { muster, module, client, id, health, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  const looksLike = ({ entry, checkIds }: Health) =>
    eventually(async () => {
      const now = await agentHealth(consul.url, entry.ID);
      const isSame = now && JSON.stringify([shape(now.entry), now.checkIds]) === JSON.stringify([shape(entry), checkIds]);
      return isSame && now.status === "passing" ? now : undefined;
    });

  test("of address, tags, metadata, check, and an entry written over ours, is put right", { timeout: 300_000 }, async () => {
    await using it = await scene("drifting");
    const { entry, checkIds } = it.health;
    const damage: Readonly<Record<string, () => Promise<void>>> = {
      tags: () => putEntry(consul.url, { ...entry, Tags: ["y"] }),
      address: () => putEntry(consul.url, { ...entry, Address: "10.9.9.9", Port: 1 }),
      metadata: () => putEntry(consul.url, { ...entry, Meta: { ...entry.Meta, version: "9" } }),
      check: () => removeCheck(consul.url, checkIds[0] ?? ""),
      "an entry without our id": () => putEntry(consul.url, { ...entry, Meta: {}, Tags: [] }),
      "no entry": () => removeEntry(consul.url, entry.ID),
    };
    let counted = 0;
    for (const [what, harm] of Object.entries(damage)) {
      await harm();
      await looksLike(it.health).catch((error: unknown) => expect(error, what).toBeUndefined());
      // The next harm comes when this round is over: within it, one repair may take two writes.
      counted = await eventually(async () => {
        const acts = await repairs(it.muster);
        return acts > counted ? acts : undefined;
      });
    }
  });

  test("of an entry that the agent lists and the catalog does not: it is listed again", { timeout: 120_000 }, async () => {
    await using it = await scene("unlisted");
    await removeFromCatalog(consul.url, it.id);
    await eventually(async () => ((await metricOf(it.muster.address, "reconcile_actions_total")).get("restored") ?? 0) > 0 || undefined);
    expect((await passingInConsul({ ...servers, consul: consul.url }, "unlisted")).map(({ ID }) => ID)).toEqual([it.id]);
  });

  test("of an entry that the agent lists and the catalog does not: it is not UNCHANGED, and registered again", { timeout: 120_000 }, async () => {
    await using it = await scene("unlisted-too", { MUSTER_RECONCILE: "off" });
    const again = () => it.client.register(requestFor("unlisted-too", it.module, { tags: ["x"] }));
    expect((await again()).events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
    await removeFromCatalog(consul.url, it.id);
    // It is, until Muster has seen that; consumers are shown it on.
    const { types, errorDetail } = await eventually(async () => {
      const it = await again();
      return it.events.at(-1)?.outcome === RegistrationOutcome.UNCHANGED ? undefined : it;
    });
    expect(types, errorDetail).toEqual(moduleSteps);
    expect((await passingInConsul({ ...servers, consul: consul.url }, "unlisted-too")).map(({ ID }) => ID)).toEqual([it.id]);
  });

  test("left behind by our own ended attempt goes; another Muster's entry, and one without any id, stay", async () => {
    await using it = await scene("orphans");
    const name = "leaving";
    await using gone = await startFakeModule({ name, version: "1.0.0" });
    const { attemptId } = await it.client.register(requestFor(name, gone));
    const zombie = (await agentHealth(consul.url, `${name}-${gone.host}-${gone.port}`))?.entry;
    if (!zombie) throw new Error("not in Consul");
    await unregister(it.client, name, gone);
    expect(zombie.Meta["registration-id"]).toBe(attemptId);
    const anothers = { ...zombie, ID: "anothers", Meta: { "registration-id": crypto.randomUUID() } };
    const foreign = { ...zombie, ID: "foreign", Meta: {} };
    for (const entry of [zombie, anothers, foreign]) await putEntry(consul.url, entry, true);
    await eventually(async () => ((await agentHealth(consul.url, zombie.ID)) === undefined ? true : undefined));
    await moreRounds(it.muster, 3);
    for (const { ID } of [anothers, foreign]) expect((await agentHealth(consul.url, ID))?.entry.ID).toBe(ID);
    await looksLike(it.health);
  });

  test("a trial that takes its time is not touched, nor is the entry it is going to replace", async () => {
    await using it = await scene("trial");
    await using slow = await startFakeModule({ name: "slow", version: "1.0.0", status: "NOT_SERVING" });
    const running = it.client.register(requestFor("slow", slow));
    it.module.setStatus("NOT_SERVING");
    const replacing = it.client.register(requestFor("trial", it.module, { metadata: { round: "2" } }));
    await moreRounds(it.muster, 4);
    slow.setStatus("SERVING");
    it.module.setStatus("SERVING");
    expect((await running).types).toEqual(moduleSteps);
    expect((await replacing).types).toEqual(moduleSteps);
    const actions = await metricOf(it.muster.address, "reconcile_actions_total");
    expect([actions.get("removed") ?? 0, actions.get("restored") ?? 0]).toEqual([0, 0]);
  });

  test("is only counted and logged in the mode validate", async () => {
    await using it = await scene("validated", { MUSTER_RECONCILE: "validate" });
    await putEntry(consul.url, { ...it.health.entry, Tags: ["y"] });
    await eventually(async () => (await metricOf(it.muster.address, "reconcile_drift")).get("drifted") === 1 || undefined);
    await removeEntry(consul.url, it.id);
    await eventually(async () => (await metricOf(it.muster.address, "reconcile_drift")).get("missing") === 1 || undefined);
    await moreRounds(it.muster, 3);
    expect(await agentHealth(consul.url, it.id)).toBeUndefined();
    expect(it.muster.logged()).toContain('"event":"reconcile.would-act"');
    expect([...(await metricOf(it.muster.address, "reconcile_actions_total"))].filter(([, count]) => count > 0)).toEqual([]);
  });
});

/** How many entries were put right, by rounds that have ended. */
async function repairs({ address }: MusterProcess): Promise<number> {
  const actions = await metricOf(address, "reconcile_actions_total");
  return (actions.get("amended") ?? 0) + (actions.get("restored") ?? 0);
}

function shape({ ID, Service, Address, Port, Tags, Meta }: AgentEntry): unknown {
  return [ID, Service, Address, Port, Tags, Object.entries(Meta).toSorted()];
}

/** Resolves after so many more rounds of reconciling have ended. */
async function moreRounds({ address }: MusterProcess, count: number): Promise<void> {
  let last = Number.NaN;
  for (let seen = -1; seen < count;) {
    await eventually(async () => {
      const at = (await metricOf(address, "reconcile_last_round_timestamp_seconds")).get("");
      if (at === undefined || at === last) return undefined;
      last = at;
      return true;
    });
    seen += 1;
  }
}
