/** What arrives on the registration topic, as a stock consumer (kcat) sees it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { headerOf } from "./kcat.ts";
import type { RealServers } from "./real-servers.ts";

export interface TailedEvent {
  /** `ce_id`, `ce_type`, `ce_time` */
  readonly id: string;
  readonly type: string;
  readonly time: string;
}

export interface KafkaTail extends AsyncDisposable {
  /** The events with this key, each once, in the order of their first delivery. */
  events(key: string): readonly TailedEvent[];
}

/** Follows every record produced from now on. */
export function tailKafka({ bin, kafka }: RealServers): KafkaTail {
  const since = Date.now() - 1_000;
  const byKey = new Map<string, Map<string, TailedEvent>>();
  let child: ChildProcess | undefined;
  const closing = new AbortController();

  // kcat ends when the topic does not exist yet; a later one begins at the same time again, and what it repeats changes nothing.
  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      const args = ["-C", "-b", kafka, "-t", "platform.registration.events", "-o", `s@${since}`, "-u", "-q", "-f", "%k\t%h\n"];
      child = spawn(join(bin, "kcat"), args, { stdio: ["ignore", "pipe", "ignore"] });
      if (child.stdout) createInterface({ input: child.stdout }).on("line", note);
      await once(child, "exit");
      await pause(200, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  function note(line: string): void {
    const [key = "", headers = ""] = line.split("\t");
    const attribute = (name: string) => headerOf(headers, `ce_${name}`);
    const event = { id: attribute("id"), type: attribute("type"), time: attribute("time") };
    const events = byKey.get(key) ?? new Map<string, TailedEvent>();
    byKey.set(key, events);
    if (!events.has(event.id)) events.set(event.id, event);
  }

  const following = follow();
  return {
    events: (key) => [...(byKey.get(key)?.values() ?? [])],
    async [Symbol.asyncDispose]() {
      closing.abort();
      child?.kill("SIGKILL");
      await following;
    },
  };
}
