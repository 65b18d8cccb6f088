/**
 * What is left to others while one caller takes all it can: registrations of modules at a fixed rate, each new, by callers with tokens of
 * their own, on embedded Muster.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { EventType, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../../test/support/client.ts";
import { embeddedBacking, startMuster } from "../../test/support/muster.ts";
import type { Farm } from "../farm.ts";
import { ms, type Row } from "../report.ts";
import { residentMb } from "../process-cost.ts";
import type { ServingModule } from "../sides.ts";
import { median, quantile } from "../stats.ts";

interface Attack {
  readonly what: string;
  readonly kind: string;
  readonly count: number;
  readonly role: "registrar" | "viewer";
}

const attacks: readonly Attack[] = [
  { what: "nobody attacks", kind: "", count: 0, role: "viewer" },
  { what: "500 Registers to closed ports", kind: "closed", count: 500, role: "registrar" },
  { what: "2000 Registers to closed ports", kind: "closed", count: 2_000, role: "registrar" },
  { what: "70 CompareSchemas of slow schemas", kind: "compare", count: 70, role: "viewer" },
  { what: "40 modules with slow schemas", kind: "schemas", count: 40, role: "registrar" },
  { what: "16 Registers of names with silent DNS", kind: "silent", count: 16, role: "registrar" },
  { what: "400 Registers of names with silent DNS", kind: "silent", count: 400, role: "registrar" },
];

const perSecond = 5;
const others = 4;

export const sharesItems = ["closed", "compare", "schemas", "silent"];

/** `kinds` are of `sharesItems`. */
export async function shares(farm: Farm, kinds: readonly string[], seconds: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let quiet: number | undefined;
  await using dns = (await hasSilentDns()) ? await silentServer() : undefined;
  for (const attack of attacks.filter(({ kind }) => kind === "" || kinds.includes(kind))) {
    if (attack.kind === "silent" && !dns) {
      rows.push({
        what: attack.what,
        n: 0,
        muster: "not measured: /etc/resolv.conf does not lead to 127.0.0.99",
        floor: "",
        ratio: "",
        aim: "",
        met: undefined,
      });
      continue;
    }
    const { times, failures, server, all } = await under(attack, await farm.fresh(perSecond * seconds));
    quiet ??= median(times);
    const ratio = median(times) / quiet;
    const made = times.length / (perSecond * seconds);
    rows.push({
      what: attack.what,
      n: perSecond * seconds,
      muster: `${times.length === 0 ? "-" : `${ms(median(times))} · ${ms(quantile(times, 0.99))}`}; ${Math.round(made * 100)} % COMPLETED${failures}; ${Math.round(server)} MiB, with children ${Math.round(all)}`,
      floor: "",
      ratio: ratio.toFixed(2),
      aim: "≥ 80 % COMPLETED, ratio ≤ 2, < 512 MiB",
      met: made >= 0.8 && ratio <= 2 && server < 512,
    });
  }
  return rows;
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

async function under({ kind, count, role }: Attack, modules: readonly ServingModule[]) {
  await using backing = await embeddedBacking();
  const names = ["attacker", ...Array.from({ length: others }, (_, index) => `other-${index}`)];
  const tokens = names.map((principal) => ({
    principal,
    roles: [principal === "attacker" ? role : "registrar"],
    sha256: createHash("sha256").update(`token-${principal}`).digest("hex"),
  }));
  const file = join((backing.env["MUSTER_STORE"] ?? "").replace(/^sqlite:/, ""), "..", "tokens.json");
  await writeFile(file, JSON.stringify({ tokens }), { mode: 0o600 });
  await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${file}` });
  const attacker = spawn(process.execPath, [new URL("../attacker.ts", import.meta.url).pathname, kind, muster.address, "token-attacker", String(count)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gone = once(attacker, "close");
  // Until it has what it can get.
  await pause(12_000);
  const clients = names.slice(1).map((name) => connect(muster.address, { token: `token-${name}` }));
  const times: number[] = [];
  const failures = new Map<string, number>();
  let [server, all] = [0, 0];
  const running = modules.map(async (module, index) => {
    await pause((index * 1_000) / perSecond);
    [server, all] = [Math.max(server, await ownMb(muster.pid)), Math.max(all, await residentMb(muster.pid).catch(() => 0))];
    const startedAt = performance.now();
    const failure = await registered(clients[index % clients.length]!, module);
    if (failure === undefined) times.push(performance.now() - startedAt);
    else failures.set(failure, (failures.get(failure) ?? 0) + 1);
  });
  await Promise.all(running);
  for (const client of clients) client[Symbol.dispose]();
  attacker.kill("SIGKILL");
  await gone;
  const failed = [...failures].map(([reason, times]) => `, ${times} ${reason}`).join("");
  return { times, failures: failed, server, all };
}

/** Undefined when it has been registered within ten seconds, else why not. */
async function registered(client: ReturnType<typeof connect>, { name, version, port }: ServingModule): Promise<string | undefined> {
  const registering = client.register({ name, version, type: ServiceType.MODULE, connectivity: { advertisedHost: "localhost", advertisedPort: port } });
  const result = await Promise.race([registering, pause(10_000).then(() => undefined)]);
  if (!result) return "late";
  if (result.events.at(-1)?.eventType === EventType.COMPLETED) return undefined;
  return (result.errorDetail.split(":")[0] || result.status.reason || result.status.message).slice(0, 40);
}

async function ownMb(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1_024;
}
