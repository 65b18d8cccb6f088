/** A Consul of a test's own, which may be killed, wiped and started again on the same port. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./instances.ts";
import { ownPort } from "./own-port.ts";
import type { RealServers } from "./real-servers.ts";

export interface OwnConsul extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Removes its data; it must be down. */
  wipe(): Promise<void>;
  /** Resolves when it has a leader and lists itself. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

/** With `masterToken` it denies everything that no token allows; that one allows everything. `hcl`: more of its configuration. */
export async function startOwnConsul(
  { bin }: Pick<RealServers, "bin">,
  { masterToken, hcl = [] }: { readonly masterToken?: string; readonly hcl?: readonly string[] } = {},
): Promise<OwnConsul> {
  const directory = await mkdtemp(join(tmpdir(), "muster-consul-"));
  const [http, serf, server] = [await ownPort(), await ownPort(), await ownPort()];
  const url = `http://127.0.0.1:${http}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const options = ["agent", "-server", "-bootstrap-expect=1", "-node=muster-own", `-data-dir=${join(directory, "data")}`, "-log-level=err"];
    const addresses = ["-bind=127.0.0.1", "-client=127.0.0.1", `-http-port=${http}`, `-serf-lan-port=${serf}`, `-server-port=${server}`];
    const off = ["-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1", "-hcl=performance { raft_multiplier = 1 }"];
    if (masterToken !== undefined) off.push(`-hcl=acl { enabled = true default_policy = "deny" tokens { master = "${masterToken}" } }`);
    off.push(...hcl.map((text) => `-hcl=${text}`));
    child = spawn(`${bin}/consul`, [...options, ...addresses, ...off], { stdio: "ignore" });
    await eventually(async () => ((await isReady(url, masterToken)) ? true : undefined), 60_000, 50);
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  await start();
  return {
    url,
    start,
    kill,
    wipe: () => rm(join(directory, "data"), { recursive: true, force: true }),
    signal: (signal) => void child?.kill(signal),
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function isReady(url: string, token = ""): Promise<boolean> {
  try {
    const limit = { signal: AbortSignal.timeout(2_000), headers: { "x-consul-token": token } };
    const leader = await (await fetch(`${url}/v1/status/leader`, limit)).text();
    return leader.includes(":") && (await (await fetch(`${url}/v1/catalog/services`, limit)).text()).includes('"consul"');
  } catch {
    return false;
  }
}
