/** kcat: a stock consumer of what is on Kafka. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RealServers } from "./real-servers.ts";

const run = promisify(execFile);

/** One line for each record of the topic, in kcat's own format language; none while there is no such topic, or it is only being made. Every other failure is thrown. */
export async function linesOfTopic({ bin, kafka }: RealServers, topic: string, format: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run(join(bin, "kcat"), ["-b", kafka, "-t", topic, "-C", "-e", "-q", "-f", `${format}\n`], { maxBuffer: 64 << 20 });
    return stdout.split("\n").filter((line) => line !== "");
  } catch (error) {
    if (/error: Broker: (Unknown topic or partition|Leader not available)/.test(String((error as { stderr?: unknown }).stderr))) return [];
    throw error;
  }
}

/** A header of a record out of what kcat prints for `%h`; "" when it is not there. */
export function headerOf(headers: string, name: string): string {
  return new RegExp(`(?:^|,)${name}=([^,]*)`).exec(headers)?.[1] ?? "";
}
