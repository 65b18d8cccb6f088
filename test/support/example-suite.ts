/** What every module among the examples must do, on the real servers. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "./client.ts";
import { buildExample, type Example } from "./example.ts";
import { gateScene } from "./gate.ts";
import { eventually } from "./instances.ts";
import { realBacking, startMuster } from "./muster.ts";
import { describeReal } from "./real-servers.ts";
import { eventTypesInKafka, leftInConsul, moduleSteps, passingInConsul, unregister, versionsInApicurio } from "./world.ts";

export interface ExampleModule {
  /** Folder below `examples`. */
  readonly folder: string;
  /** Commands without which it is not tried. */
  readonly needs: readonly string[];
  /** How it ends at SIGTERM. */
  readonly exitCode: number;
}

/** It registers, registers again when the registry forgot it, leaves an unchanged registration alone, and takes itself back on SIGTERM. */
export function exampleModule({ folder, needs, exitCode }: ExampleModule): void {
  describeReal(
    `examples/${folder}`,
    (servers) => {
      let example: Example;
      beforeAll(async () => {
        example = await buildExample(folder);
      }, 600_000);
      afterAll(() => example?.[Symbol.asyncDispose]());

      test("registers, comes back when it was forgotten, and unregisters on SIGTERM", { timeout: 300_000 }, async () => {
        await using backing = await realBacking(servers);
        await using muster = await startMuster(backing.env);
        using client = connect(muster.address);
        const name = `${folder}-${crypto.randomUUID().slice(0, 8)}`;
        await using module = example.start({ MUSTER: muster.address, MODULE_NAME: name, REGISTER_EVERY: "1" });
        const names = () => module.lines.filter((line) => line.startsWith("EVENT_TYPE_")).map((line) => line.split(" ")[0]?.slice("EVENT_TYPE_".length));
        const events = () => names().filter((type) => type !== "HEALTH_WAITING");
        await eventually(async () => events().includes("COMPLETED") || undefined);
        expect(events().slice(0, moduleSteps.length)).toEqual(moduleSteps);
        const unchanged = "STARTED VALIDATED CONSUL_HEALTHY COMPLETED";
        await eventually(async () => events().slice(moduleSteps.length).join(" ").includes(unchanged) || undefined);
        const [entry] = await passingInConsul(servers, name);
        const serviceId = `${name}-127.0.0.1-${entry?.Port}`;
        expect(entry?.ID).toBe(serviceId);
        expect(await versionsInApicurio(servers, `${name}-config`)).toMatchObject([{ version: "1.0.0", state: "ENABLED" }]);
        await eventually(async () => (await eventTypesInKafka(servers, serviceId)).includes("ModuleRegistered") || undefined);

        await unregister(client, name, { host: "127.0.0.1", port: entry?.Port ?? 0 });
        await eventually(async () => (await passingInConsul(servers, name)).length === 1 || undefined, 60_000);
        // In Consul before it is committed, and printed on another way: only what is COMPLETED can be unregistered.
        await eventually(async () => {
          const savedAt = events().lastIndexOf("DATABASE_SAVED");
          return (savedAt > moduleSteps.length && events().includes("COMPLETED", savedAt)) || undefined;
        });

        module.stop();
        expect(await module.ended).toBe(exitCode);
        expect(module.lines.at(-1)).toBe("UNREGISTERED unregistered");
        await eventually(async () => (await leftInConsul(servers, name)).length === 0 || undefined);
        await eventually(async () => (await versionsInApicurio(servers, `${name}-config`))[0]?.state === "DISABLED" || undefined);
        await eventually(async () => (await eventTypesInKafka(servers, serviceId)).at(-1) === "ModuleUnregistered" || undefined);
      });

      test("waits for an approval without knowing of any, and is live soon after it", { timeout: 300_000 }, async () => {
        await using backing = await realBacking(servers);
        await using muster = await startMuster(backing.env);
        using scene = gateScene(muster.address);
        await scene.turnOn();
        const name = `${folder}-${crypto.randomUUID().slice(0, 8)}`;
        await using module = example.start({ MUSTER: muster.address, MODULE_NAME: name, REGISTER_EVERY: "1" });
        const ends = () => module.lines.filter((line) => line.startsWith("EVENT_TYPE_COMPLETED")).length;
        const asked = await eventually(async () => module.lines.find((line) => line.startsWith("EVENT_TYPE_APPROVAL_REQUESTED")));
        await eventually(async () => ends() >= 3 || undefined);
        expect(module.lines.filter((line) => line.startsWith("EVENT_TYPE_METADATA_RETRIEVED"))).toHaveLength(1);
        expect(await leftInConsul(servers, name)).toEqual([]);
        await scene.approveId(/waits for approval (\S+):/.exec(asked)?.[1] ?? "");
        await eventually(async () => (await passingInConsul(servers, name)).length === 1 || undefined);
        await eventually(async () => module.lines.some((line) => line.includes("nothing has changed")) || undefined);
        module.stop();
        expect(await module.ended).toBe(exitCode);
      });
    },
    needs,
  );
}
