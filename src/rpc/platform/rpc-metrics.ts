/** Counters and durations of calls, under the names common in gRPC middleware. */
import type { DescService } from "@bufbuild/protobuf";
import type { Labels, Measures, Meter, Metric } from "../../kernel/meter.ts";
import { statusNames } from "../../kernel/status-name.ts";
import type { CallEnd } from "../transport/call-end.ts";

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 150];

interface MethodSeries {
  readonly method: Labels;
  readonly byCode: ReadonlyMap<string, Labels>;
}

export interface RpcMeasures extends Measures {
  /** Records the end of a call. */
  noteIn(meter: Meter): (end: CallEnd) => void;
}

/** What is measured of every method of these services. */
export function rpcMeasures(services: readonly DescService[]): RpcMeasures {
  const methods = new Map(
    services.flatMap(({ typeName, methods: its }) =>
      its.map(({ name }): [string, MethodSeries] => {
        const method = { grpc_service: typeName, grpc_method: name };
        return [`${typeName}/${name}`, { method, byCode: new Map(statusNames.map((code) => [code, { ...method, grpc_code: code }])) }];
      }),
    ),
  );
  const handled: Metric = {
    kind: "counter",
    name: "grpc_server_handled_total",
    help: "Calls that have ended, by status, in all protocols",
    series: [...methods.values()].flatMap(({ byCode }) => [...byCode.values()]),
  };
  const handling: Metric = {
    kind: "histogram",
    name: "grpc_server_handling_seconds",
    help: "From the headers of a call to its end",
    series: [...methods.values()].map(({ method }) => method),
    buckets,
  };
  return {
    metrics: [handled, handling],
    noteIn: (meter) => (end) => {
      const its = methods.get(end.rpc);
      const labels = its?.byCode.get(end.code);
      if (!its || !labels) return;
      meter.count(handled, labels);
      meter.observe(handling, its.method, end.ms / 1_000);
    },
  };
}
