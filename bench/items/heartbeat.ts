/** What every module does each 30 seconds: the request again that changes nothing, each over a connection of its own. */
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  PlatformRegistrationService,
  RegisterResponseSchema,
  RegistrationOutcome,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { query } from "../../test/support/muster.ts";
import type { Farm } from "../farm.ts";
import { registerRequest, type MusterSide } from "../muster-side.ts";
import { framed, loop, pathOf, type Caller } from "../plain-calls.ts";
import { cpuMs, ownMb } from "../process-cost.ts";
import { openRawHttp2 } from "../raw-http2.ts";
import { ms, type Row } from "../report.ts";
import { median, quantile } from "../stats.ts";

export interface HeartbeatOptions {
  readonly server: { readonly address: string; readonly pid: number };
  readonly databaseUrl: string;
  readonly turnMs: number;
  /** Of the long run, which shows whether memory or the database grow; 0: none. */
  readonly count: number;
}

const clients = 16;
const parts = 10;
const rateAim = 3_000;
const p50AimMs = 3;
const cpuAimMs = 0.25;

export async function heartbeat(muster: MusterSide, farm: Farm, { server, databaseUrl, turnMs, count }: HeartbeatOptions): Promise<readonly Row[]> {
  const modules = await farm.fresh(clients);
  await muster.register(modules, 8);
  const { register, resolveService } = PlatformRegistrationService.method;
  const callers = modules.map((module) =>
    openRawHttp2(server.address, pathOf(register), framed(register.input, create(register.input, registerRequest(module)))),
  );
  const resolvers = modules.map(({ name: serviceName }) =>
    openRawHttp2(server.address, pathOf(resolveService), framed(resolveService.input, create(resolveService.input, { serviceName }))),
  );
  const [first] = callers;
  if (!first) throw new Error("the farm gave no modules");
  const turn = async (of: readonly Caller[]) => {
    const cpu = await cpuMs(server.pid);
    const startedAt = performance.now();
    const took = (await Promise.all(of.map((caller) => loop(caller, 1, turnMs)))).flat();
    const seconds = (performance.now() - startedAt) / 1_000;
    const each = ((await cpuMs(server.pid)) - cpu) / took.length;
    return { took, each, rate: took.length / seconds };
  };
  const rows = async () => Number((await query(databaseUrl, "SELECT COUNT(*) AS count FROM attempts"))[0]?.["count"]);
  const expectAllUnchanged = async () => {
    for (const caller of callers) expectUnchanged(await caller.call());
  };
  await expectAllUnchanged();
  await turn(callers);
  const before = { rows: await rows(), mb: await ownMb(server.pid) };
  const one = await turn([first]);
  const all = await turn(callers);
  await expectAllUnchanged();
  const grown = { rows: (await rows()) - before.rows, mb: (await ownMb(server.pid)) - before.mb };
  // The least that a call costs, at the same time on the same machine.
  const least = await turn(resolvers);
  const long = count > 0 ? [await longRun(callers, count, server.pid, databaseUrl)] : [];
  await expectAllUnchanged();
  for (const caller of [...callers, ...resolvers]) caller[Symbol.dispose]();
  await muster.remove(modules);
  const spread = (took: readonly number[]) => `${ms(median(took))} · ${ms(quantile(took, 0.99))}`;
  const common = { floor: "", ratio: "" };
  return [
    { ...common, what: "heartbeat, 1 client", n: one.took.length, muster: spread(one.took), aim: `p50 ≤ ${p50AimMs} ms`, met: median(one.took) <= p50AimMs },
    {
      ...common,
      ratio: `${(all.each / least.each).toFixed(1)} × the CPU of a ResolveService (${least.each.toFixed(2)} ms)`,
      what: `heartbeat, ${clients} clients at once`,
      n: all.took.length,
      muster: `${Math.round(all.rate)}/s, ${all.each.toFixed(2)} ms of CPU each (${spread(all.took)})`,
      aim: `≥ ${rateAim}/s, ≤ ${cpuAimMs} ms`,
      met: all.rate >= rateAim && all.each <= cpuAimMs,
    },
    {
      ...common,
      what: "  what they leave",
      n: one.took.length + all.took.length,
      muster: `${grown.rows} attempts, ${grown.mb < 0 ? "" : "+"}${Math.round(grown.mb)} MB resident`,
      aim: "no attempt",
      met: grown.rows === 0,
    },
    ...long,
  ];
}

/** `count` of them, without a pause, by all callers: memory after each part, and the database before and after. */
async function longRun(callers: readonly Caller[], count: number, pid: number, databaseUrl: string): Promise<Row> {
  const before = await databaseSize(databaseUrl);
  const resident = [await ownMb(pid)];
  const cpu = await cpuMs(pid);
  const each = Math.ceil(count / parts / callers.length);
  const startedAt = performance.now();
  while (resident.length <= parts) {
    const calls = async (caller: Caller) => {
      for (let made = 0; made < each; made += 1) await caller.call();
    };
    await Promise.all(callers.map(calls));
    resident.push(await ownMb(pid));
  }
  const made = each * parts * callers.length;
  const seconds = (performance.now() - startedAt) / 1_000;
  const cost = ((await cpuMs(pid)) - cpu) / made;
  const after = await databaseSize(databaseUrl);
  const second = resident.slice(parts / 2);
  return {
    what: "heartbeats without a pause",
    n: made,
    muster: `${Math.round(made / seconds)}/s, ${cost.toFixed(2)} ms of CPU each; resident, every tenth: ${resident.map(Math.round).join(", ")} MB; database ${before.rows} → ${after.rows} rows, ${before.kb} → ${after.kb} KB`,
    floor: "",
    ratio: "",
    aim: "no growth",
    // A heap breathes: it has not grown when its second half went no higher than its first.
    met: after.rows <= before.rows && Math.max(...second) <= Math.max(...resident.slice(0, parts / 2)) * 1.05,
  };
}

/** Rows of all its tables, counted, and what these and their indexes take. */
async function databaseSize(url: string): Promise<{ readonly rows: number; readonly kb: number }> {
  const tables = await query(
    url,
    "SELECT /*+ SET_VAR(information_schema_stats_expiry = 0) */ table_name AS name, data_length + index_length AS bytes FROM information_schema.tables WHERE table_schema = DATABASE()",
  );
  const counts = await Promise.all(tables.map(({ name }) => query(url, `SELECT COUNT(*) AS rows_ FROM \`${String(name)}\``)));
  const sum = (values: readonly unknown[]) => values.reduce<number>((total, value) => total + Number(value), 0);
  return { rows: sum(counts.map(([row]) => row?.["rows_"])), kb: Math.round(sum(tables.map(({ bytes }) => bytes)) / 1_024) };
}

/** Rejects an answer whose last event is another. */
function expectUnchanged(answer: Buffer): void {
  let at = 0;
  let last = answer;
  while (at < answer.length) {
    const end = at + 5 + answer.readUInt32BE(at + 1);
    last = answer.subarray(at + 5, end);
    at = end;
  }
  const { event } = fromBinary(RegisterResponseSchema, last);
  if (event?.outcome !== RegistrationOutcome.UNCHANGED) throw new Error(`it is not unchanged: ${event?.message}`);
}
