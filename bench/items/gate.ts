/**
 * The cost of the gate: of a registration while no policy asks, and while a rule approves it at once; of a held heartbeat; and how soon an
 * instance is live when it was decided. On the real servers and on embedded Muster, each started here.
 */
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { EventType, PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../../test/support/client.ts";
import { gateScene, ownersDecide, type GateScene } from "../../test/support/gate.ts";
import { embeddedBacking, realBacking, startMuster, type Backing, type MusterProcess } from "../../test/support/muster.ts";
import { inTurns, registerFresh, type Comparison } from "../compare.ts";
import type { Farm } from "../farm.ts";
import { musterSide, registerRequest, type MusterSide } from "../muster-side.ts";
import { framed, loop, pathOf, type Caller } from "../plain-calls.ts";
import { cpuMs } from "../process-cost.ts";
import { openRawHttp2 } from "../raw-http2.ts";
import { comparisonRow, ms, timesRow, type Row } from "../report.ts";
import type { Side } from "../sides.ts";
import type { Servers } from "../stack.ts";
import { median, quantile } from "../stats.ts";

export interface GateOptions {
  readonly servers: Servers;
  readonly quick: boolean;
  /** A checkout of another version, with its packages, to be compared with. */
  readonly former: string | undefined;
}

const plainAim = 1.03;
const ruleAim = 1.1;
const heartbeatAim = 1.5;
const decidedAimMs = 300;
const clients = 16;

const ruleApproves = `
key: registration
subject: registration
ttl: 7d
route: [{id: known, when: 'name.startsWith("bench")', then: approve}]
stages: [{id: owners, requirements: [{id: team, who: {groups: [owners]}, need: 1}]}]
`;

export async function gate(farm: Farm, { servers, quick, former }: GateOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [where, open] of [["real servers", () => realBacking(servers)] as const, ["embedded", embeddedBacking] as const]) {
    await using stack = new AsyncDisposableStack();
    const start = async (directory: string): Promise<MusterProcess> => {
      const backing: Backing = stack.use(await open());
      return stack.use(await startMuster(backing.env, [join(directory, "bin/muster.js"), "serve"]));
    };
    const server = await start(new URL("../..", import.meta.url).pathname);
    const muster = stack.use(musterSide(server.address));
    const people = stack.use(gateScene(server.address));
    const before = former === undefined ? undefined : stack.use(musterSide((await start(former)).address));
    for (const side of before ? [muster, before] : [muster]) await registerFresh(side, farm, 32, 8);
    if (before) rows.push(named(where, "no policy, against the former version", await registrations({ floor: before, muster }, farm, quick), plainAim));
    rows.push(named(where, "a rule approves it, against no policy", await registrations(withAndWithout(muster, people), farm, quick), ruleAim));
    rows.push(await decided(where, server, muster, people, farm, quick ? 5 : 60));
    rows.push(await heartbeats(where, server, muster, people, farm, quick ? 500 : 5_000));
  }
  return rows;
}

async function registrations(sides: { readonly floor: Side; readonly muster: Side }, farm: Farm, quick: boolean): Promise<Comparison<number>> {
  const samples = await inTurns(sides, quick ? 2 : 12, (side) => registerFresh(side, farm, quick ? 4 : 16, 1));
  // Without the wait for the first passing probe, which is a random draw.
  const of = (rounds: typeof samples.floor) => rounds.map((round) => round.map(({ totalMs, waitMs }) => totalMs - waitMs));
  return { floor: of(samples.floor), muster: of(samples.muster) };
}

function named(where: string, what: string, comparison: Comparison<number>, ratio: number): Row {
  return comparisonRow(`new module, ${where}: ${what}`, comparison, { ratio });
}

/** The same server without a policy, and with one by which a rule approves. */
function withAndWithout(side: MusterSide, people: GateScene): { readonly floor: Side; readonly muster: Side } {
  let isOn = false;
  const turned = (on: boolean): Side => ({
    ...side,
    async register(modules, limit) {
      if (on !== isOn) await (on ? people.turnOn(ruleApproves) : people.turnOff());
      isOn = on;
      return side.register(modules, limit);
    },
    async remove(modules) {
      await side.remove(modules);
      if (isOn) await people.turnOff();
      isOn = false;
    },
  });
  return { floor: turned(false), muster: turned(true) };
}

/** From the vote that decides, sent, to COMPLETED on the stream that waits. */
async function decided(where: string, { address }: MusterProcess, muster: MusterSide, people: GateScene, farm: Farm, count: number): Promise<Row> {
  await people.turnOn(ownersDecide);
  using client = connect(address);
  const modules = await farm.fresh(count);
  const took: number[] = [];
  for (const module of modules) {
    let votedAt = 0;
    let voting: Promise<void> = Promise.resolve();
    const { events } = await client.register({ ...registerRequest(module), waitForApproval: true }, (event) => {
      if (event.eventType !== EventType.APPROVAL_REQUESTED || votedAt > 0) return;
      votedAt = performance.now();
      voting = people.approve({ events: [event] });
    });
    took.push(performance.now() - votedAt);
    await voting;
    if (events.at(-1)?.outcome !== RegistrationOutcome.ACTIVE) throw new Error(`${module.name} was approved, and is not live: ${events.at(-1)?.message}`);
  }
  await muster.remove(modules);
  await people.turnOff();
  return timesRow(`decision → COMPLETED of a stream that waits, ${where}`, took, { p50Ms: decidedAimMs });
}

/** A held instance that registers again beside one of which nothing has changed. */
async function heartbeats(where: string, server: MusterProcess, muster: MusterSide, people: GateScene, farm: Farm, turnMs: number): Promise<Row> {
  const modules = await farm.fresh(2 * clients);
  const [live, held] = [modules.slice(0, clients), modules.slice(clients)];
  await muster.register(live, 8);
  await people.turnOn(ownersDecide);
  for (const module of held) await muster.attempt(module);
  const { register } = PlatformRegistrationService.method;
  const callers = (of: typeof modules): readonly Caller[] =>
    of.map((module) => openRawHttp2(server.address, pathOf(register), framed(register.input, create(register.input, registerRequest(module)))));
  const [unchanged, asking] = [callers(live), callers(held)];
  const turn = async (of: readonly Caller[]) => {
    const cpu = await cpuMs(server.pid);
    const took = (await Promise.all(of.map((caller) => loop(caller, 1, turnMs)))).flat();
    return { took, each: ((await cpuMs(server.pid)) - cpu) / took.length };
  };
  for (const some of [unchanged, asking]) await turn(some);
  const [floor, same] = [
    { took: [] as number[], each: [] as number[] },
    { took: [] as number[], each: [] as number[] },
  ];
  for (const [some, into] of [
    [unchanged, floor],
    [asking, same],
    [asking, same],
    [unchanged, floor],
  ] as const) {
    const { took, each } = await turn(some);
    into.took.push(...took);
    into.each.push(each);
  }
  for (const caller of [...unchanged, ...asking]) caller[Symbol.dispose]();
  await people.turnOff();
  await muster.remove(modules);
  const ratio = median(same.each) / median(floor.each);
  const shown = ({ took, each }: typeof floor) => `${median(each).toFixed(2)} ms of CPU (${ms(median(took))} · ${ms(quantile(took, 0.99))})`;
  return {
    what: `heartbeat of ${clients} held ones at once, against unchanged ones, ${where}`,
    n: same.took.length,
    muster: shown(same),
    floor: shown(floor),
    ratio: ratio.toFixed(2),
    aim: `CPU ≤ ${heartbeatAim.toFixed(2)}`,
    met: ratio <= heartbeatAim,
  };
}
