/** From the moment the catalog's own answer shows a new instance to the moment ResolveService does. Both are polled continuously. */
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  PlatformRegistrationService,
  ResolveServiceRequestSchema,
  ResolveServiceResponseSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { framed, pathOf, type Caller } from "../plain-calls.ts";
import { openRawHttp1 } from "../raw-http1.ts";
import { openRawHttp2 } from "../raw-http2.ts";
import { timesRow, type Row } from "../report.ts";

const giveUpMs = 5_000;

/** `put` and `remove` act on Consul's agent. */
export async function freshness(consul: string, muster: string, prefix: string, times: number, put: (id: string) => Promise<void>): Promise<readonly Row[]> {
  const lags: number[] = [];
  for (let round = 0; round < times; round++) {
    const name = `${prefix}-fresh-${round}`;
    const method = PlatformRegistrationService.method.resolveService;
    using ours = openRawHttp2(muster, pathOf(method), framed(ResolveServiceRequestSchema, create(ResolveServiceRequestSchema, { serviceName: name })));
    using theirs = openRawHttp1(`${consul}/v1/health/service/${name}?passing`);
    const seen = Promise.all([
      firstTime(theirs, (bytes) => bytes.includes(name)),
      firstTime(ours, (bytes) => fromBinary(ResolveServiceResponseSchema, bytes.subarray(5)).found),
    ]);
    await put(name);
    const [inCatalog, inMuster] = await seen;
    lags.push(Math.max(inMuster - inCatalog, 0));
  }
  return [timesRow("answers follow the catalog by", lags, { p99Ms: 50 })];
}

async function firstTime(caller: Caller, isThere: (bytes: Buffer) => boolean): Promise<number> {
  const end = performance.now() + giveUpMs;
  while (performance.now() < end) {
    if (isThere(await caller.call())) return performance.now();
  }
  throw new Error(`not seen within ${giveUpMs} ms`);
}
