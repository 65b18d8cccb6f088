/** Three Consul servers of a test's own, of which the leader may be killed and any may be frozen. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./instances.ts";
import { ownPort } from "./own-port.ts";
import type { RealServers } from "./real-servers.ts";

export interface ConsulCluster extends AsyncDisposable {
  /** `http://host:port` of a server that was not the leader at the start, and is never killed or frozen. */
  readonly url: string;
  /** Kills the leader with SIGKILL; resolves when there is another. */
  killLeader(): Promise<void>;
  /** Freezes, and lets go on, all others; frozen, the one at `url` has no leader. */
  signalOthers(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Resolves when the server at `url` has a leader, or has none. */
  untilLeader(isThere: boolean): Promise<void>;
}

interface Member {
  readonly url: string;
  /** As Consul names a leader. */
  readonly address: string;
  readonly child: ChildProcess;
}

export async function startConsulCluster({ bin }: Pick<RealServers, "bin">): Promise<ConsulCluster> {
  const directory = await mkdtemp(join(tmpdir(), "muster-cluster-"));
  const ports: (readonly [http: number, serf: number, server: number])[] = [];
  for (let member = 0; member < 3; member++) ports.push([await ownPort(), await ownPort(), await ownPort()]);
  const members = ports.map(([http, serf, server], member): Member => {
    const options = ["agent", "-server", "-bootstrap-expect=3", `-node=muster-${member}`, `-data-dir=${join(directory, String(member))}`, "-log-level=err"];
    const addresses = ["-bind=127.0.0.1", "-client=127.0.0.1", `-http-port=${http}`, `-serf-lan-port=${serf}`, `-server-port=${server}`];
    const joins = [...ports.map(([, other]) => `-retry-join=127.0.0.1:${other}`), "-retry-interval=1s"];
    const off = ["-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-hcl=performance { raft_multiplier = 1 }"];
    const child = spawn(`${bin}/consul`, [...options, ...addresses, ...joins, ...off], { stdio: "ignore" });
    return { url: `http://127.0.0.1:${http}`, address: `127.0.0.1:${server}`, child };
  });
  const leaderAt = async (url: string): Promise<string> => {
    const answer = await fetch(`${url}/v1/status/leader`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok ? String(await answer.json()) : "";
  };
  const leader = (url: string) => eventually(async () => (await leaderAt(url).catch(() => "")) || undefined, 60_000, 50);
  const first = await leader(members[0]!.url);
  const own = members.find(({ address }) => address !== first)!;
  const others = new Set(members.filter((it) => it !== own));
  // Knowing its leader, it may still have to catch up.
  await eventually(async () => ((await fetch(`${own.url}/v1/catalog/nodes?consistent`).catch(() => undefined))?.ok ? true : undefined), 60_000, 50);

  return {
    url: own.url,
    async killLeader() {
      const before = await leader(own.url);
      for (const it of others) {
        if (it.address !== before) continue;
        others.delete(it);
        it.child.kill("SIGKILL");
      }
      await eventually(async () => (![before, ""].includes(await leaderAt(own.url).catch(() => "")) ? true : undefined), 60_000, 50);
    },
    signalOthers: (signal) => others.forEach(({ child }) => child.kill(signal)),
    async untilLeader(isThere) {
      await eventually(async () => ((await leaderAt(own.url).catch(() => "")) !== "") === isThere || undefined, 60_000, 50);
    },
    async [Symbol.asyncDispose]() {
      for (const { child } of members) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}
