import { afterEach, beforeEach } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { FakeModule } from "./fake-module.ts";
import { gateScene, type GateScene } from "./gate.ts";
import { eventually } from "./instances.ts";
import { requestFor, type World } from "./world.ts";

/** Gives each test of a suite a scene of its own, with the gate turned on unless the test does so, and off afterwards. */
export function eachScene(world: () => Pick<World, "muster">, use: (scene: GateScene) => void, isOn = true): void {
  let scene: GateScene | undefined;
  beforeEach(async () => {
    scene = gateScene(world().muster.address);
    use(scene);
    if (isOn) await scene.turnOn();
  });
  afterEach(async () => {
    await scene?.turnOff();
    scene?.[Symbol.dispose]();
  });
}

/** The gate turned on for each test of a suite, and what its tests look at. */
export function gateSuite(world: () => World) {
  let scene: GateScene | undefined;
  let names = 0;
  eachScene(world, (opened) => (scene = opened));
  const current = (): GateScene => {
    if (!scene) throw new Error("the gate is there inside tests only");
    return scene;
  };
  const isLive = (name: string): Promise<boolean> =>
    world()
      .client.unary(PlatformRegistrationService.method.getModule, { lookupKey: { case: "moduleName", value: name } })
      .then(
        ({ isHealthy }) => isHealthy,
        () => false,
      );
  return {
    get scene() {
      return current();
    },
    fresh: (base = "rule") => world().unique(`${base}-${++names}`),
    isLive,
    goesLive: (name: string) => eventually(async () => (await isLive(name)) || undefined),
    liveModule: (name: string, module: Pick<FakeModule, "host" | "port">, more: Parameters<typeof requestFor>[2] = {}) =>
      current().live(world().client, requestFor(name, module, more)),
  };
}
