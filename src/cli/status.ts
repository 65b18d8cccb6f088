/** What a running server says of itself: whether it is ready, which of its dependencies answer, and how the sources go that it reads. */
import { Code, ConnectError } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import { ListInboundSourcesResponseSchema, type ListInboundSourcesResponse } from "../../gen/muster/approval/v1/inbound_service_pb.ts";
import { field } from "./doctor/http.ts";
import { healthOf } from "./doctor/server.ts";
import type { Input, Run } from "./frame/command.ts";
import { connect } from "./frame/connect.ts";
import { exitCodes } from "./frame/exit-codes.ts";
import { jsonOf, show } from "./frame/output.ts";
import { styleFor, type Style } from "./frame/style.ts";
import { table } from "./frame/table.ts";
import { targetOf } from "./frame/target.ts";
import type { Terminal } from "./frame/terminal.ts";
import { sourceTable } from "./inbound/sources.ts";

interface Dependency {
  readonly name: string;
  readonly status: "ok" | "error";
  readonly ms: number;
  /** Why it does not answer; empty when it does. */
  readonly detail: string;
}

const words = { ok: "ready", degraded: "ready, without some of its dependencies", error: "not ready" } as const;

/** Resolves to 7 when the server is not ready. */
export const statusCommand: Run = async (input, terminal) => {
  const target = targetOf(input, terminal.settings, terminal.readFile);
  const { json } = await healthOf(target, { now: () => terminal.clock.now(), signal: terminal.signal }).catch((error: unknown) => {
    throw ConnectError.from(error, Code.Unavailable);
  });
  const status = String(field(json, "status")) as keyof typeof words;
  const dependencies = dependenciesIn(json);
  const answer = await sourcesOf(input, terminal);
  const value = {
    address: target.address,
    status,
    dependencies: dependencies.map((one) => ({ ...one })),
    ...(jsonOf(ListInboundSourcesResponseSchema, answer) as object),
  };
  await show(input, terminal, value, () => {
    const style = styleFor(terminal.colour.out);
    const columns = terminal.isInteractive ? terminal.size().columns : undefined;
    const paint = { ok: style.good, degraded: style.warn, error: style.bad }[status];
    const read = answer.sources.length > 0 ? `\n${sourceTable(answer.sources, terminal.clock.now(), style, columns)}` : "";
    return `${target.address} is ${paint(words[status])}\n\n${dependencyTable(dependencies, style, columns)}${read}`;
  });
  return status === "error" ? exitCodes.unreachable.code : exitCodes.done.code;
};

function dependenciesIn(json: unknown): readonly Dependency[] {
  return Object.entries(field(json, "dependencies") as Readonly<Record<string, unknown>>).map(([name, one]) => ({
    name,
    status: field(one, "status") === "ok" ? "ok" : "error",
    ms: Number(field(one, "ms")),
    detail: String(field(one, "detail") ?? ""),
  }));
}

function dependencyTable(dependencies: readonly Dependency[], style: Style, columns?: number): string {
  return table({
    heads: ["DEPENDENCY", "STATE", "MS", "WHY"],
    rows: dependencies.map(({ name, status, ms, detail }) => [
      name,
      status === "ok" ? { text: "answers", paint: style.good } : { text: "away", paint: style.bad },
      String(ms),
      detail || "-",
    ]),
    bold: style.bold,
    ...(columns === undefined ? {} : { columns }),
  });
}

/** None for whom they are not shown, and while the server cannot say. */
async function sourcesOf(input: Input, terminal: Terminal): Promise<ListInboundSourcesResponse> {
  const { inbound, once } = connect(input, terminal);
  try {
    return await inbound.listInboundSources({}, once());
  } catch (error) {
    if (terminal.signal.aborted || !(error instanceof ConnectError)) throw error;
    return create(ListInboundSourcesResponseSchema);
  }
}
