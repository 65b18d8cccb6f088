/** The same calls at a thousand and at a hundred thousand registrations. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { create } from "@bufbuild/protobuf";
import {
  GetServiceRequestSchema,
  ListServicesRequestSchema,
  PlatformRegistrationService,
  ResolveServiceRequestSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { framed, loop, pathOf } from "../plain-calls.ts";
import { openRawHttp2 } from "../raw-http2.ts";
import { ms, type Row } from "../report.ts";
import { median, quantile } from "../stats.ts";

const aim = 1.5;
const { method } = PlatformRegistrationService;

interface Server extends AsyncDisposable {
  readonly address: string;
}

export async function scale(small: number, large: number, rounds: number, turnMs: number): Promise<readonly Row[]> {
  await using one = await start(small);
  await using other = await start(large);
  const resolve = framed(ResolveServiceRequestSchema, create(ResolveServiceRequestSchema, { serviceName: "bench-7", requiredTags: ["blue"] }));
  const get = framed(GetServiceRequestSchema, create(GetServiceRequestSchema, { lookupKey: { case: "serviceId", value: "bench-7-10.0.0.77-80" } }));
  const rows: Row[] = [];
  for (const [name, path, message] of [
    ["ResolveService", pathOf(method.resolveService), resolve],
    ["GetService", pathOf(method.getService), get],
  ] as const) {
    const took = await inTurns(one.address, other.address, path, message, rounds, turnMs);
    const ratio = quantile(took.large, 0.99) / quantile(took.small, 0.99);
    const spread = (values: readonly number[]) => `${ms(median(values))} · ${ms(quantile(values, 0.99))}`;
    const what = `${name}: ${large} registrations (held against ${small}; embedded catalog, probes held)`;
    rows.push({
      what,
      n: took.large.length,
      muster: spread(took.large),
      floor: spread(took.small),
      ratio: `p99 ${ratio.toFixed(2)}`,
      aim: `≤ ${aim}`,
      met: ratio <= aim,
    });
  }
  const list = framed(ListServicesRequestSchema, create(ListServicesRequestSchema));
  const took = await inTurns(one.address, other.address, pathOf(method.listServices), list, rounds, turnMs);
  const [many, few] = [perItem(took.large, large), perItem(took.small, small)];
  const ratio = quantile(many, 0.99) / quantile(few, 0.99);
  const spread = (values: readonly number[]) => `${median(values).toFixed(2)} · ${quantile(values, 0.99).toFixed(2)} µs an item`;
  rows.push({
    what: "ListServices: the same, for each item",
    n: many.length,
    muster: spread(many),
    floor: spread(few),
    ratio: `p99 ${ratio.toFixed(2)}`,
    aim: `≤ ${aim}`,
    met: ratio <= aim,
  });
  return rows;
}

/** Microseconds per item, from the milliseconds of calls. */
function perItem(took: readonly number[], items: number): readonly number[] {
  return took.map((ms) => (ms / items) * 1_000);
}

async function inTurns(small: string, large: string, path: string, message: Buffer, rounds: number, turnMs: number) {
  using one = openRawHttp2(small, path, message);
  using other = openRawHttp2(large, path, message);
  const took = { small: [] as number[], large: [] as number[] };
  await loop(one, 1, turnMs / 2);
  await loop(other, 1, turnMs / 2);
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? (["small", "large"] as const) : (["large", "small"] as const)) {
      for (const value of await loop(side === "small" ? one : other, 1, turnMs)) took[side].push(value);
    }
  }
  return took;
}

async function start(count: number): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "muster-scale-"));
  const program = new URL("../scale-server.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, String(count), join(directory, "muster.db")], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [address] = (await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended.then(() => [""])])) as [string];
  if (address === "") throw new Error("the server of many did not start");
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
