/**
 * What is left to others while one caller takes all it can: registrations of modules at a fixed rate, each new, by callers with tokens of
 * their own, and probes over new connections.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { EventType, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../../test/support/client.ts";
import { startMuster, type Backing } from "../../test/support/muster.ts";
import { principals } from "../../test/support/principals.ts";
import type { Farm } from "../farm.ts";
import { ms, type Row } from "../report.ts";
import { ownMb, residentMb } from "../process-cost.ts";
import type { ServingModule } from "../sides.ts";
import { median, quantile } from "../stats.ts";

interface Attack {
  readonly what: string;
  readonly kind: string;
  readonly count: number;
  readonly role: "registrar" | "viewer";
}

const attacks: readonly Attack[] = [
  { what: "500 Registers to closed ports", kind: "closed", count: 500, role: "registrar" },
  { what: "2000 Registers to closed ports", kind: "closed", count: 2_000, role: "registrar" },
  { what: "70 CompareSchemas of slow schemas", kind: "compare", count: 70, role: "viewer" },
  { what: "40 modules with slow schemas", kind: "schemas", count: 40, role: "registrar" },
  { what: "16 Registers of names with silent DNS", kind: "silent", count: 16, role: "registrar" },
  { what: "400 Registers of names with silent DNS", kind: "silent", count: 400, role: "registrar" },
];

const perSecond = 5;

export const sharesItems = ["closed", "compare", "schemas", "silent"];

export interface SharesOptions {
  /** Of `sharesItems`. */
  readonly kinds: readonly string[];
  /** How long the others are measured in each attack. */
  readonly seconds: number;
  /** What a server has behind it, new for each attack. */
  readonly back: () => Promise<Backing>;
  /** Node's arguments for the server; `muster serve` by default. */
  readonly program: readonly string[] | undefined;
}

export async function shares(farm: Farm, { kinds, seconds, back, program }: SharesOptions, show: (row: Row) => void): Promise<void> {
  await using dns = (await hasSilentDns()) ? await silentServer() : undefined;
  for (const attack of attacks.filter(({ kind }) => kinds.includes(kind))) {
    const n = perSecond * seconds;
    const common = { what: attack.what, aim: "≥ 80 % COMPLETED, ratios ≤ 2, < 512 MiB" };
    if (attack.kind === "silent" && !dns) {
      show({ ...common, n: 0, muster: `not measured: /etc/resolv.conf does not lead to ${silentAddress}`, floor: "", ratio: "", met: undefined });
      continue;
    }
    await using backing = await back();
    const { before, during } = await under(attack, farm, n, backing, program);
    const ratios = [0.5, 0.99].map((part) => quantile(during.times, part) / quantile(before.times, part));
    const made = during.times.length / n;
    show({
      ...common,
      n,
      muster: shown(during, n),
      floor: shown(before, n),
      ratio: ratios.map((it) => it.toFixed(2)).join(" · "),
      met: made >= 0.8 && ratios.every((it) => it <= 2) && during.server < 512,
    });
  }
}

function shown({ times, failures, probes, server, all }: Seen, n: number): string {
  const spread = (of: readonly number[]) => `${ms(median(of))} · ${ms(quantile(of, 0.99))}`;
  return `${spread(times)}; ${Math.round((times.length / n) * 100)} % COMPLETED${failures}; probes ${spread(probes)}; ${Math.round(server)} MiB, with children ${Math.round(all)}`;
}

/** Where `/etc/resolv.conf` leads to this address, which a mount namespace can bring about, names are asked for in vain there. */
const silentAddress = "127.0.0.99";

async function hasSilentDns(): Promise<boolean> {
  return (await readFile("/etc/resolv.conf", "utf8").catch(() => "")).trim() === `nameserver ${silentAddress}`;
}

async function silentServer(): Promise<AsyncDisposable> {
  const socket = createSocket("udp4").bind(53, silentAddress);
  await once(socket, "listening");
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())) };
}

interface Seen {
  readonly times: readonly number[];
  readonly failures: string;
  readonly probes: readonly number[];
  readonly server: number;
  readonly all: number;
}

/** What the others have of one server, before the attack and under it. */
async function under({ kind, count, role }: Attack, farm: Farm, n: number, { env }: Backing, program: readonly string[] | undefined) {
  await using callers = await principals({ attacker: role, other0: "registrar", other1: "registrar", other2: "registrar", other3: "registrar" });
  const { attacker: taken, ...others } = callers.token;
  await using muster = await startMuster({ ...env, ...callers.env }, program);
  await using clients = new AsyncDisposableStack();
  const connected = Object.values(others).map((token) => clients.use(connect(muster.address, { token })));
  const measured = async (pauseMs: number): Promise<Seen> => {
    const modules = await farm.fresh(n);
    const ended = new AbortController();
    const watched = watch(muster, ended.signal);
    await pause(pauseMs);
    const seen = await registeredAll(connected, modules);
    ended.abort();
    return { ...seen, ...(await watched) };
  };
  // What the first ones cost is not measured.
  await registeredAll(connected, await farm.fresh(n));
  const before = await measured(0);
  const attacker = spawn(process.execPath, [new URL("../attacker.ts", import.meta.url).pathname, kind, muster.address, taken, String(count)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gone = once(attacker, "close");
  // Until it has what it can get.
  const during = await measured(12_000);
  attacker.kill("SIGKILL");
  await gone;
  if (program) {
    // It writes its profile when it ends by itself.
    muster.signal("SIGTERM");
    await muster.ended;
  }
  return { before, during };
}

async function registeredAll(clients: readonly ReturnType<typeof connect>[], modules: readonly ServingModule[]): Promise<Pick<Seen, "times" | "failures">> {
  const times: number[] = [];
  const failures = new Map<string, number>();
  const running = modules.map(async (module, index) => {
    await pause((index * 1_000) / perSecond);
    const startedAt = performance.now();
    const failure = await registered(clients[index % clients.length]!, module);
    if (failure === undefined) times.push(performance.now() - startedAt);
    else failures.set(failure, (failures.get(failure) ?? 0) + 1);
  });
  await Promise.all(running);
  return { times, failures: [...failures].map(([reason, many]) => `, ${many} ${reason}`).join("") };
}

/** Until `signal`: how long probes took, and the most memory, of the server and with its children, in MiB. */
async function watch({ address, pid }: { readonly address: string; readonly pid: number }, signal: AbortSignal) {
  const probes: number[] = [];
  let [server, all] = [0, 0];
  while (!signal.aborted) {
    const startedAt = performance.now();
    // A connection of its own, as an orchestrator's probe has.
    const answer = await fetch(`http://${address}/healthz/ready`, { headers: { connection: "close" } });
    await answer.text();
    probes.push(performance.now() - startedAt);
    [server, all] = [Math.max(server, await ownMb(pid)), Math.max(all, (await residentMb(pid).catch(() => 0)) || 0)];
    await pause(200);
  }
  return { probes, server, all };
}

/** Undefined when it has been registered within ten seconds, else why not. */
async function registered(client: ReturnType<typeof connect>, { name, version, port }: ServingModule): Promise<string | undefined> {
  const registering = client.register({ name, version, type: ServiceType.MODULE, connectivity: { advertisedHost: "localhost", advertisedPort: port } });
  const result = await Promise.race([registering, pause(10_000).then(() => undefined)]);
  if (!result) return "late";
  if (result.events.at(-1)?.eventType === EventType.COMPLETED) return undefined;
  return (result.errorDetail.split(":")[0] || result.status.reason || result.status.message).slice(0, 40);
}
