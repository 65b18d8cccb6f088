/** Many modules in one separate process, each a stock gRPC server on its own port. Called by `farm.ts`. */
import { startFakeModule, type FakeModule } from "../test/support/fake-module.ts";
import type { ModuleIdentity, ServingModule } from "./sides.ts";
import { answerParent } from "./worker.ts";

const servers: FakeModule[] = [];
let identities: readonly ModuleIdentity[] = [];

answerParent(async (wanted: readonly ModuleIdentity[]): Promise<readonly ServingModule[]> => {
  identities = wanted;
  while (servers.length < wanted.length) servers.push(await serve(servers.length));
  return wanted.map((identity, slot) => ({ ...identity, host: "127.0.0.1", port: servers[slot]?.port ?? 0 }));
});

function serve(slot: number): Promise<FakeModule> {
  return startFakeModule({
    name: "",
    version: "",
    describe: () => {
      const { name = "", version = "", schema = "" } = identities[slot] ?? {};
      return { moduleName: name, version, jsonConfigSchema: schema };
    },
  });
}
