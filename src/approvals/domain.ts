/** Approvals as a whole: use cases, joined with what they share, and what they bring to the process. */
import type { Domain } from "../kernel/domain.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Clock, Ids } from "../kernel/ports.ts";
import { approvalAudits } from "./audits.ts";
import type { ApprovalDeps, Policies } from "./deps.ts";
import { approvalMeasures, approvalMeter } from "./metrics.ts";
import type { requireContext } from "./policy/context.ts";
import type { ApprovalStore } from "./records.ts";
import { approvalTasks, refreshLoop } from "./tasks.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Policy } from "./types.ts";

/** How long a repeated command is recognized. */
const commandsKeptMs = 7 * 86_400_000;
const pruned = 1_000;

export interface ApprovalsOptions {
  readonly store: ApprovalStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly meter: Meter;
  readonly policies: Policies;
  readonly owners: ApprovalDeps["owners"];
  readonly directory: ApprovalDeps["directory"];
  readonly listeners: ApprovalDeps["listeners"];
  /** The tenants of the directory. */
  readonly tenants: () => readonly string[];
}

export interface Approvals extends Domain {
  readonly deps: ApprovalDeps;
}

export function createApprovals({ meter, tenants, ...options }: ApprovalsOptions): Approvals {
  const deps: ApprovalDeps = { ...options, meter: approvalMeter(meter, options.log), readContext };
  return {
    deps,
    tasks: approvalTasks(deps),
    loops: [refreshLoop(deps, tenants)],
    measures: approvalMeasures(options.store),
    audits: approvalAudits(options.store),
    // Requests are kept: they are the record of who decided what.
    prune: async () => (await options.store.tx((tx) => tx.approvalCommands.prune(commandsKeptMs, pruned))) === pruned,
    drain: () => Promise.resolve(),
  };
}

/** Loaded with the first request. */
let checkContext: typeof requireContext | undefined;

async function readContext({ document }: Policy, json: string): Promise<JsonObject> {
  const context = json === "" ? {} : parsed(json);
  checkContext ??= (await import("./policy/context.ts")).requireContext;
  checkContext(document, context);
  return context;
}

function parsed(json: string): JsonObject {
  const bad = (description: string) =>
    new DomainError({ kind: "invalid", reason: "CONTEXT_INVALID", message: `the context ${description}`, fields: [{ field: "context_json", description }] });
  let value: unknown;
  try {
    value = JSON.parse(json.replace(/^\ufeff/, ""));
  } catch {
    throw bad("is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("must be a JSON object");
  return value as JsonObject;
}
