/** `services`, `modules` and `watch`: one list or one instance, once or as it changes. */
import type { JsonValue } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  GetModuleResponseSchema,
  GetServiceResponseSchema,
  ListModulesResponseSchema,
  ListServicesResponseSchema,
  WatchModulesResponseSchema,
  WatchServicesResponseSchema,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { UsageError, type Input, type Run } from "../frame/command.ts";
import { connect, type Connection } from "../frame/connect.ts";
import { exitCodes } from "../frame/exit-codes.ts";
import { heldLine, listHeld, type HeldKind } from "./held.ts";
import { instanceDetails, instanceSummary, instanceTable, moduleInstance, serviceInstance, type Instance, type Listed } from "./instance-view.ts";
import { formatOf, jsonOf, show } from "../frame/output.ts";
import { msOf } from "./progress-view.ts";
import { styleFor } from "../frame/style.ts";
import { columnsOf, type Terminal } from "../frame/terminal.ts";
import { watchInstances } from "./watch-instances.ts";

/** The RPCs of one kind of instances. */
export interface Sort {
  readonly kind: HeldKind;
  one(connection: Connection, lookup: { readonly name: string } | { readonly id: string }): Promise<{ readonly instance: Instance; readonly json: JsonValue }>;
  all(connection: Connection): Promise<Listed>;
  watch(connection: Connection): AsyncIterable<Listed>;
}

/** The most that a server sends in one message: this client takes it. */
const maxBytes = 268_435_456;

const services: Sort = {
  kind: "services",
  async one({ platform, once }, lookup) {
    const key = "name" in lookup ? ({ case: "serviceName", value: lookup.name } as const) : ({ case: "serviceId", value: lookup.id } as const);
    const answer = await platform.getService({ lookupKey: key }, once());
    return { instance: serviceInstance(answer), json: jsonOf(GetServiceResponseSchema, answer) };
  },
  async all({ platform, once }) {
    const answer = await platform.listServices({ maxBytes }, once());
    return { instances: answer.services.map(serviceInstance), asOfMs: msOf(answer.asOf), json: jsonOf(ListServicesResponseSchema, answer) };
  },
  async *watch({ platform, open }) {
    for await (const answer of platform.watchServices({ maxBytes }, open())) {
      yield { instances: answer.services.map(serviceInstance), asOfMs: msOf(answer.asOf), json: jsonOf(WatchServicesResponseSchema, answer) };
    }
  },
};

const modules: Sort = {
  kind: "modules",
  async one({ platform, once }, lookup) {
    const key = "name" in lookup ? ({ case: "moduleName", value: lookup.name } as const) : ({ case: "serviceId", value: lookup.id } as const);
    const answer = await platform.getModule({ lookupKey: key }, once());
    return { instance: moduleInstance(answer), json: jsonOf(GetModuleResponseSchema, answer) };
  },
  async all({ platform, once }) {
    const answer = await platform.listModules({ maxBytes }, once());
    return { instances: answer.modules.map(moduleInstance), asOfMs: msOf(answer.asOf), json: jsonOf(ListModulesResponseSchema, answer) };
  },
  async *watch({ platform, open }) {
    for await (const answer of platform.watchModules({ maxBytes }, open())) {
      yield { instances: answer.modules.map(moduleInstance), asOfMs: msOf(answer.asOf), json: jsonOf(WatchModulesResponseSchema, answer) };
    }
  },
};

export const servicesCommand: Run = (input, terminal) => list(services, input, terminal);
export const modulesCommand: Run = (input, terminal) => list(modules, input, terminal);
export const watchCommand: Run = (input, terminal) =>
  watchInstances((connection) => (input.args[0] === "modules" ? modules : services).watch(connection), connect(input, terminal), input, terminal);

async function list(sort: Sort, input: Input, terminal: Terminal): Promise<number> {
  const [name] = input.args;
  const id = input.text("id");
  if (name !== undefined && id !== undefined) throw new UsageError(["NAME and --id exclude each other"]);
  if (input.on("watch") && (name ?? id) !== undefined) throw new UsageError(["--watch shows the whole list: leave out NAME and --id"]);
  if (input.on("held") && (input.on("watch") || id !== undefined)) throw new UsageError(["--held shows a list once: leave out --watch and --id"]);
  const connection = connect(input, terminal);
  if (input.on("held")) return listHeld(sort.kind, name, connection, input, terminal);
  if (input.on("watch")) return watchInstances((to) => sort.watch(to), connection, input, terminal);

  const style = styleFor(terminal.colour.out);
  const now = terminal.clock.now();
  if (name !== undefined || id !== undefined) {
    const { instance, json } = await sort.one(connection, id === undefined ? { name: name ?? "" } : { id }).catch(async (error: unknown) => {
      if (name !== undefined && error instanceof ConnectError && error.code === Code.NotFound)
        terminal.err(await heldLine(sort.kind, name, connection, terminal));
      throw error;
    });
    await show(input, terminal, json, () => instanceDetails(instance, now, style));
    return exitCodes.done.code;
  }
  const { instances, asOfMs, json } = await sort.all(connection);
  const held = formatOf(input) === "table" ? await heldLine(sort.kind, undefined, connection, terminal) : "";
  const columns = columnsOf(terminal);
  await show(
    input,
    terminal,
    json,
    () => (instances.length === 0 ? "" : instanceTable(instances, now, style, columns)) + instanceSummary(instances, asOfMs, now, style) + held,
  );
  return exitCodes.done.code;
}
