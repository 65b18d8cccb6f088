/** `npm run bench -- register`: Muster against the floor on the real servers; `discovery`: against Consul; `events`: the log; `start`: embedded start and memory. */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Sides } from "./compare.ts";
import { benchDiscovery, discoveryItems } from "./discovery.ts";
import { openFarm, type Farm } from "./farm.ts";
import { openFloorSide } from "./floor-side.ts";
import { approvals } from "./items/approvals.ts";
import { crowd } from "./items/crowd.ts";
import { embeddedStart } from "./items/embedded-start.ts";
import { eventLatency } from "./items/event-latency.ts";
import { gate } from "./items/gate.ts";
import { heartbeat } from "./items/heartbeat.ts";
import { newModule } from "./items/new-module.ts";
import { openRequests } from "./items/open-requests.ts";
import { reconcile } from "./items/reconcile.ts";
import { refused } from "./items/refused.ts";
import { shares, sharesItems } from "./items/shares.ts";
import { unchanged } from "./items/unchanged.ts";
import { webhooks } from "./items/webhooks.ts";
import { sweep } from "./leftovers.ts";
import { musterSide, type MusterSide } from "./muster-side.ts";
import { printHeader, printRow, type Row } from "./report.ts";
import { openStack, type Servers, type Stack } from "./stack.ts";
import { createDatabase, embeddedBacking, realBacking, startMuster, type Backing } from "../test/support/muster.ts";
import { startOwnConsul } from "../test/support/own-consul.ts";

const usage = `usage: npm run bench -- register | discovery | reconcile | events | approvals | open-requests | webhooks | shares | start [options]

  register        registrations on the real servers, beside a straight script that makes the same calls; then start
  discovery       what consumers are answered, compared with Consul's own HTTP (in the column of the floor)
  reconcile       CPU it costs to keep 2000 entries as the record says, and how soon they are back
  events          how soon a watcher of the log has what was committed
  approvals       requests and votes, beside the same rows written without a server
  open-requests   inbox, Get and vote while a million requests are open, beside a thousand
  webhooks        how soon a local receiver has what was decided
  shares          what is left to others while one caller takes all it can, on embedded Muster or (--real) on the real servers
  start           start time and memory of embedded Muster
  --quick         few samples: shows that everything works, the figures mean little
  --only ITEM     one of: ${["one", "many", "unchanged", "heartbeat", "refused", "crowd", "gate", "start"].join(", ")}; of discovery: ${discoveryItems.join(", ")}; of shares: ${sharesItems.join(", ")}; of open-requests: mysql, sqlite
  --count N       of the heartbeats that show whether memory or the database grow: 1000000 take some five minutes
  --former DIR    a checkout of another version, whose registrations are compared with in \`gate\`
  --profile DIR   leaves a CPU profile of the server in DIR
`;

interface Bench {
  readonly sides: Sides & { readonly muster: MusterSide };
  readonly farm: Farm;
  readonly server: { readonly address: string; readonly pid: number };
  readonly databaseUrl: string;
  readonly quick: boolean;
  readonly servers: Servers;
}

/** Every item that needs the real servers, in the order of the table. */
const items: Readonly<Record<string, (bench: Bench) => Promise<readonly Row[]>>> = {
  one: ({ sides, farm, quick }) =>
    newModule(sides, farm, { rounds: quick ? 2 : 20, perRound: quick ? 4 : 12, inFlight: 1, aim: { p50Ms: 250, p99Ms: 700, ratio: 1.15 } }),
  many: ({ sides, farm, quick }) => newModule(sides, farm, { rounds: quick ? 2 : 6, perRound: quick ? 64 : 128, inFlight: 64, aim: { ratio: 1 } }),
  unchanged: ({ sides, farm, quick }) => unchanged(sides, farm, quick ? 2 : 10, quick ? 10 : 30),
  heartbeat: ({ sides, farm, quick, ...about }) => heartbeat(sides.muster, farm, { ...about, turnMs: quick ? 1_000 : 10_000, count: Number(values.count) }),
  refused: ({ sides, farm, quick }) => refused(sides.muster, farm, quick ? 3 : 20),
  crowd: ({ sides, farm, quick }) => crowd(sides.muster, farm, quick ? 100 : 1_000),
  gate: ({ farm, servers, quick }) => gate(farm, { servers, quick, former: values.former }),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    profile: { type: "string" },
    real: { type: "boolean", default: false },
    count: { type: "string", default: "0" },
    former: { type: "string" },
  },
});
const [command] = positionals;
const { quick, only } = values;

if (command === "discovery" && (only === undefined || discoveryItems.some((item) => item === only))) {
  head();
  await benchDiscovery(only === undefined ? discoveryItems : [only], quick, printRow);
} else if (command === "reconcile") {
  head();
  await using stack = await openStack();
  for (const row of await reconcile(stack.bin, quick ? 100 : 2_000, quick ? 4 : 20)) printRow(row);
} else if (command === "events") {
  head();
  await using stack = await openStack();
  const directory = await mkdtemp(join(tmpdir(), "muster-bench-"));
  for (const row of await eventLatency(stack.servers.mysql, directory, quick ? 30 : 500)) printRow(row);
  await rm(directory, { recursive: true });
} else if (command === "approvals" || command === "open-requests") {
  head();
  await using stack = await openStack();
  const directory = await mkdtemp(join(tmpdir(), "muster-bench-"));
  const item = command === "approvals" ? approvals : openRequests;
  for (const row of await item(stack.servers.mysql, directory, quick, only)) printRow(row);
  await rm(directory, { recursive: true });
} else if (command === "webhooks") {
  head();
  await using stack = await openStack();
  const directory = await mkdtemp(join(tmpdir(), "muster-bench-"));
  for (const row of await webhooks(stack.servers.mysql, directory, quick ? 20 : 300)) printRow(row);
  await rm(directory, { recursive: true });
} else if (command === "shares" && (only === undefined || sharesItems.includes(only))) {
  head();
  await using farm = openFarm();
  await using stack = values.real ? await openStack() : undefined;
  const back = stack ? () => ownConsulBacking(stack) : embeddedBacking;
  await shares(
    farm,
    { kinds: only === undefined ? sharesItems : [only], seconds: quick ? 2 : 20, back, program: values.profile === undefined ? undefined : serve() },
    printRow,
  );
} else if ((command !== "register" && command !== "start") || (only !== undefined && only !== "start" && !items[only])) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  head();
  if (command === "register" && only !== "start") await register(only === undefined ? Object.keys(items) : [only]);
  if (command === "start" || only === undefined || only === "start") for (const row of await embeddedStart(quick ? 3 : 9)) printRow(row);
}

function head(): void {
  process.stdout.write(`\n${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}, ${new Date().toISOString()}\n\n`);
  printHeader();
}

async function register(names: readonly string[]): Promise<void> {
  await using stack = await openStack();
  const { servers } = stack;
  await using cleanup = new AsyncDisposableStack();
  const database = await createDatabase(servers.mysql);
  cleanup.defer(() => database.drop());
  const floorDatabase = await createDatabase(servers.mysql);
  cleanup.defer(() => floorDatabase.drop());
  const farm = openFarm();
  cleanup.defer(() => sweep(servers, farm.prefix));
  cleanup.use(farm);
  const server = await startMuster(
    {
      MUSTER_STORE: database.url,
      MUSTER_CATALOG: `consul+${servers.consul}`,
      MUSTER_SCHEMAS: `apicurio+${servers.apicurio}`,
      MUSTER_EVENTS: `kafka://${servers.kafka}`,
    },
    serve(),
  );
  cleanup.defer(async () => {
    server.signal("SIGTERM");
    await server.ended;
  });
  const muster = cleanup.use(musterSide(server.address));
  const floor = cleanup.use(await openFloorSide(servers, floorDatabase.url));
  const sides = { floor, muster };

  await warmUp(sides, farm);
  for (const name of names) {
    try {
      for (const row of (await items[name]?.({ sides, farm, server, servers, databaseUrl: database.url, quick })) ?? []) printRow(row);
    } catch (error) {
      process.stdout.write(`| ${name}: could not be measured: ${error instanceof Error ? error.message : String(error)} |\n`);
      process.exitCode = 1;
    }
  }
}

/** The real servers, but with a Consul that an attack may fill. */
async function ownConsulBacking({ bin, servers }: Stack): Promise<Backing> {
  await using made = new AsyncDisposableStack();
  const consul = made.use(await startOwnConsul({ bin }));
  const { env } = made.use(await realBacking({ ...servers, consul: consul.url }));
  const all = made.move();
  return { env, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function serve(): readonly string[] {
  const profiling = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
  return [...profiling, new URL("../bin/muster.js", import.meta.url).pathname, "serve"];
}

/** First-time costs (JIT of three languages, connections, tables) are not measured. */
async function warmUp({ floor, muster }: Sides, farm: Farm): Promise<void> {
  for (const side of [floor, muster]) {
    const modules = await farm.fresh(32);
    await side.register(modules, 8);
    await side.remove(modules);
  }
}
