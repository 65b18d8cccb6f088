/** An instance that stays dead is reported, then taken off the platform; one that recovers stays. In every mode. */
import { expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, leftInConsul, moduleSteps, requestFor, serviceSteps } from "../support/world.ts";

const env = { MUSTER_RECONCILE_EVERY: "1s", MUSTER_REAP_AFTER: "30s" };

inEveryMode(
  "instances that fail their check",
  (world) => {
    test("one is reported and reaped, one recovers in time, one is registered again; the others are left alone", { timeout: 400_000 }, async () => {
      const { client, unique, real, rows } = world();
      const names = Object.fromEntries(["dead", "deadService", "ill", "again", "well"].map((name) => [name, unique(name)]));
      const start = (name: string) => startFakeModule({ name: names[name] ?? "", version: "1.0.0" });
      await using dead = await start("dead");
      await using deadService = await start("deadService");
      await using ill = await start("ill");
      await using again = await start("again");
      await using well = await start("well");
      const modules = { dead, deadService, ill, again, well };
      for (const [name, module] of Object.entries(modules)) {
        const type = name === "deadService" ? ServiceType.SERVICE : ServiceType.MODULE;
        expect((await client.register(requestFor(names[name] ?? "", module, { type }))).types).toEqual(name === "deadService" ? serviceSteps : moduleSteps);
      }
      const idOf = (name: keyof typeof modules) => `${names[name]}-127.0.0.1-${modules[name].port}`;
      for (const module of [dead, deadService, ill, again]) module.setStatus("NOT_SERVING");
      const isHealthy = async (name: keyof typeof modules) => {
        const { services } = await client.unary(PlatformRegistrationService.method.listServices, {});
        const { modules: listed } = await client.unary(PlatformRegistrationService.method.listModules, {});
        const found = [...services, ...listed].find(({ serviceId }) => serviceId === idOf(name));
        return found?.isHealthy;
      };
      for (const name of ["dead", "deadService", "ill", "again"] as const) {
        await eventually(async () => (await isHealthy(name)) === false || undefined, 60_000, 200);
      }
      // Told at the second look; all four long before the first may be reaped.
      await eventually(async () => (await criticals(world().muster.address)) >= 4 || undefined, 60_000, 200);
      ill.setStatus("SERVING");
      again.setStatus("SERVING");
      expect((await client.register(requestFor(names["again"] ?? "", again, { metadata: { round: "2" } }))).types).toEqual(moduleSteps);
      for (const name of ["dead", "deadService"] as const) await eventually(async () => (await isHealthy(name)) === undefined || undefined, 60_000, 200);
      for (const name of ["ill", "again", "well"] as const) await eventually(async () => (await isHealthy(name)) || undefined, 60_000, 200);
      if (real) for (const name of ["dead", "deadService"]) expect(await leftInConsul(real, names[name] ?? "?")).toEqual([]);
      await eventually(async () => (await recoveries(world().muster.address)) >= 1 || undefined, 60_000, 200);

      const ids = Object.keys(modules).map((name) => idOf(name as keyof typeof modules));
      const found = await rows(`SELECT event_key, payload FROM outbox WHERE event_key IN (${ids.map(() => "?").join(",")}) ORDER BY position`, ids);
      const events = (name: keyof typeof modules) =>
        found.filter((row) => row["event_key"] === idOf(name)).map((row) => (JSON.parse(String(row["payload"])) as { type: string }).type);
      expect(events("dead")).toEqual(["ModuleRegistered", "InstanceCritical", "InstanceReaped", "ModuleUnregistered"]);
      expect(events("deadService")).toEqual(["ServiceRegistered", "InstanceCritical", "InstanceReaped", "ServiceUnregistered"]);
      expect(events("ill")).toEqual(["ModuleRegistered", "InstanceCritical", "InstanceRecovered"]);
      // Its check may pass, and be reported as passing, before it is registered again.
      expect(events("again").filter((type) => type !== "InstanceRecovered")).toEqual(["ModuleRegistered", "InstanceCritical", "ModuleRegistered"]);
      expect(events("well")).toEqual(["ModuleRegistered"]);
      const states = await rows("SELECT name, state FROM registrations WHERE state <> 'SUPERSEDED'");
      const stateOf = (name: string) => states.filter((row) => row["name"] === names[name]).map((row) => row["state"]);
      expect(["dead", "deadService", "ill", "again", "well"].map(stateOf)).toEqual([["UNREGISTERED"], ["UNREGISTERED"], ["ACTIVE"], ["ACTIVE"], ["ACTIVE"]]);
      const [audit] = await rows("SELECT actor, detail FROM audit WHERE subject = ? AND action = 'UNREGISTERED'", [idOf("dead")]);
      expect(audit).toMatchObject({ actor: "muster", detail: expect.stringContaining("critical for too long") as string });
      expect(await rows("SELECT * FROM criticals")).toEqual([]);
    });
  },
  env,
);

async function criticals(address: string): Promise<number> {
  return (await action(address, "published_critical")) ?? 0;
}

async function recoveries(address: string): Promise<number> {
  return (await action(address, "published_recovered")) ?? 0;
}

async function action(address: string, name: string): Promise<number | undefined> {
  const page = await (await fetch(`http://${address}/metrics`)).text();
  const value = new RegExp(`^reconcile_actions_total\\{action="${name}"\\} (\\d+)$`, "m").exec(page)?.[1];
  return value === undefined ? undefined : Number(value);
}
