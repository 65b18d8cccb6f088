/** ResolveService against a consumer without Muster, which reads the healthy instances of the name from Consul over HTTP. */
import { create } from "@bufbuild/protobuf";
import { PlatformRegistrationService, ResolveServiceRequestSchema } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { framed, loop, pathOf, type Caller } from "../plain-calls.ts";
import { openRawHttp1 } from "../raw-http1.ts";
import { openRawHttp2 } from "../raw-http2.ts";
import { ms, type Row } from "../report.ts";
import { median, quantile } from "../stats.ts";

export interface ResolveRateOptions {
  readonly consul: string;
  /** `host:port` */
  readonly muster: string;
  readonly name: string;
  readonly instances: number;
  /** Even; each side has one turn of `turnMs` a round, ABBA. */
  readonly rounds: number;
  readonly turnMs: number;
}

const lanes = 16;
const aim = 10;

export async function resolveRate({ consul, muster, name, instances, rounds, turnMs }: ResolveRateOptions): Promise<readonly Row[]> {
  const method = PlatformRegistrationService.method.resolveService;
  using ours = openRawHttp2(muster, pathOf(method), framed(ResolveServiceRequestSchema, create(ResolveServiceRequestSchema, { serviceName: name })));
  using theirs = openRawHttp1(`${consul}/v1/health/service/${name}?passing`);
  const one = await turns(ours, theirs, 1, rounds, turnMs);
  const many = await turns(ours, theirs, lanes, rounds, turnMs);
  const rate = (took: readonly number[]) => took.length / ((rounds * turnMs) / 1_000);
  const spread = (took: readonly number[]) => `${ms(median(took))} · ${ms(quantile(took, 0.99))}`;
  const faster = median(one.theirs) / median(one.ours);
  const more = rate(many.ours) / rate(many.theirs);
  const what = `resolve 1 of ${instances}`;
  const common = { aim: `≥ ${aim} ×` };
  return [
    {
      what: `${what}, one at a time`,
      n: one.ours.length,
      muster: spread(one.ours),
      floor: spread(one.theirs),
      ratio: `${faster.toFixed(1)} × faster`,
      ...common,
      met: faster >= aim,
    },
    {
      what: `${what}, ${lanes} in flight`,
      n: many.ours.length,
      muster: `${Math.round(rate(many.ours))}/s (${spread(many.ours)})`,
      floor: `${Math.round(rate(many.theirs))}/s (${spread(many.theirs)})`,
      ratio: `${more.toFixed(1)} × as many`,
      ...common,
      met: more >= aim,
    },
  ];
}

async function turns(ours: Caller, theirs: Caller, width: number, rounds: number, turnMs: number) {
  const took = { ours: [] as number[], theirs: [] as number[] };
  await loop(ours, width, turnMs / 4);
  await loop(theirs, width, turnMs / 4);
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? (["theirs", "ours"] as const) : (["ours", "theirs"] as const)) {
      for (const value of await loop(side === "ours" ? ours : theirs, width, turnMs)) took[side].push(value);
    }
  }
  return took;
}
