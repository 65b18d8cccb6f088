/** What a start loads before the port is open: most of its time is spent on that. */
import { expect, test } from "vitest";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";

const root = new URL("../..", import.meta.url).pathname;

/** The packages that the lines tell to be loaded. */
function loadedBy(lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => /^loaded file:.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(line)?.[1] ?? []));
}

test("an embedded server listens before it has loaded metrics and the protocols few speak, and loads nothing that it does not use", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster(backing.env, ["--import", `${root}test/support/tell-loaded.ts`, `${root}bin/muster.js`, "serve"]);
  const lines = () => muster.logged().split("\n");

  const early = lines().slice(
    0,
    lines().findIndex((line) => line.includes('"event":"server.listening"')),
  );
  expect(loadedBy(early)).toContain("kysely");
  for (const later of ["prom-client", "@connectrpc/connect-node"]) expect(loadedBy(early)).not.toContain(later);
  expect(early.filter((line) => line.endsWith("/src/app.ts") || line.endsWith("/src/cli/commands.ts"))).toHaveLength(1);

  const all = await eventually(async () => [loadedBy(lines())].find((loaded) => loaded.has("prom-client")));
  const idle = ["ajv", "consul", "kafkajs", "mysql2", "re2js", "undici", "yaml"];
  expect(idle.filter((name) => all.has(name))).toEqual([]);
});
