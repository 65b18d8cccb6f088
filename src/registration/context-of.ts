/** What the steps of one attempt share, and the order in which that work may run ahead of them. */
import { entryOf, once, remember, type AttemptContext, type CheckedSchema, type RegistrationPorts } from "./attempt-context.ts";
import type { Attempt, Tx } from "./records.ts";
import { publish } from "./steps/publish-schema.ts";
import { describeModule } from "./steps/retrieve-metadata.ts";
import { savePending } from "./steps/save-registration.ts";
import { checkedSchema } from "./steps/validate-schema.ts";
import type { ModuleDescription } from "./types.ts";

export interface AttemptWriter extends Pick<AttemptContext, "report"> {
  /** Writes what belongs to no event yet, in a transaction fenced by the attempt's lease. */
  alone(work: (tx: Tx) => Promise<void>): Promise<void>;
}

/** The context of an attempt that this process carries out or takes back. */
export function contextOf(ports: RegistrationPorts, attempt: Attempt, { report, alone }: AttemptWriter): AttemptContext {
  const entry = entryOf(attempt.request, attempt.id, attempt.serviceId, attempt.address);
  const attempted: AttemptContext["attempted"] = {};
  const describe = remember((signal) => describeModule({ attempt, entry, ports }, signal));
  const schema = remember((signal) => checkedSchema({ attempt, ports, describe }, signal));
  const save = once((described: ModuleDescription, checked: CheckedSchema) => savePending({ attempt, ports, alone }, described, checked));
  const put = once((checked: CheckedSchema, signal: AbortSignal) => publish({ attempt, ports, attempted }, checked, signal));
  const saved: AttemptContext["saved"] = async (signal) => save(await describe(signal), await schema(signal));
  const published: AttemptContext["published"] = async (signal) => {
    // The record knows a version before the registry does.
    await saved(signal);
    return put(await schema(signal), signal);
  };
  return { attempt, ports, entry, describe, schema, saved, published, report, attempted };
}
