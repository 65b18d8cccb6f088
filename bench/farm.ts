import { randomUUID } from "node:crypto";
import type { ModuleIdentity, ServingModule } from "./sides.ts";
import { startWorker } from "./worker.ts";

export interface Farm extends AsyncDisposable {
  /** Prefix of every name of this farm. */
  readonly prefix: string;
  /** This number of new modules, serving. Earlier ones lose their identity. */
  fresh(count: number): Promise<readonly ServingModule[]>;
}

/** Starts the process with the modules. */
export function openFarm(): Farm {
  const prefix = `bench-${randomUUID().slice(0, 8)}`;
  const worker = startWorker<readonly ModuleIdentity[], readonly ServingModule[]>(new URL("module-farm.ts", import.meta.url));
  let given = 0;
  return {
    prefix,
    fresh(count) {
      const modules = Array.from({ length: count }, (_, index) => identity(`${prefix}-${given + index}`));
      given += count;
      return worker.ask(modules);
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

/** No two schemas are equal, so that no cache helps. */
function identity(name: string): ModuleIdentity {
  const text = (title: string) => ({ type: "string", title, minLength: 1, maxLength: 256 });
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: `${name} configuration`,
    type: "object",
    additionalProperties: false,
    required: ["endpoint", "batch"],
    properties: {
      endpoint: { ...text("Where results go"), pattern: "^https?://" },
      batch: { type: "integer", minimum: 1, maximum: 10_000, default: 100 },
      languages: { type: "array", items: { type: "string", pattern: "^[a-z]{2}$" }, uniqueItems: true },
      retry: { type: "object", properties: { times: { type: "integer", minimum: 0 }, pauseMs: { type: "integer", minimum: 1 } } },
      mapping: { type: "array", items: { $ref: "#/definitions/field" } },
    },
    definitions: { field: { type: "object", required: ["from", "to"], properties: { from: text("From"), to: text("To") } } },
  };
  return { name, version: "1.0.0", schema: JSON.stringify(schema) };
}
