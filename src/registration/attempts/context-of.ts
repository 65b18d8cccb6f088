/** What the steps of one attempt share, and the order in which that work may run ahead of them. */
import { DomainError } from "../../kernel/errors.ts";
import { entryOf, once, remember, type AttemptContext, type AttemptWriter, type CheckedSchema, type RegistrationPorts } from "./attempt-context.ts";
import { compared } from "../schemas/compare-versions.ts";
import type { Attempt } from "../records.ts";
import { publish } from "./steps/publish-schema.ts";
import { describeModule } from "./steps/retrieve-metadata.ts";
import { savePending } from "./steps/save-registration.ts";
import { serviceTypes } from "./service-types.ts";
import type { ModuleDescription } from "../types.ts";

/**
 * The context of an attempt that this process carries out or takes back. `endAhead` aborts what changes something and is
 * under way, and resolves when it has ended: nothing begins after it.
 */
export function contextOf(
  ports: RegistrationPorts,
  attempt: Attempt,
  { report, alone }: AttemptWriter,
): { readonly context: AttemptContext; readonly endAhead: () => Promise<void> } {
  const entry = entryOf(attempt.request, attempt.id, attempt.serviceId, attempt.address);
  const attempted: AttemptContext["attempted"] = {};
  const over = new AbortController();
  const underWay = new Set<Promise<unknown>>();

  function change<T>(work: () => Promise<T>): Promise<T> {
    if (over.signal.aborted) return Promise.reject(over.signal.reason);
    const changing = work();
    underWay.add(changing);
    const forget = () => void underWay.delete(changing);
    changing.then(forget, forget);
    return changing;
  }

  const describe = remember((signal) => describeModule({ attempt, entry, ports }, signal));
  const source = serviceTypes[attempt.type].schema;
  const schema = remember(async (signal) => compared(ports, await source.take({ attempt, ports, describe }, signal), signal));
  const save = once((checked: CheckedSchema, described?: ModuleDescription) => change(() => savePending({ attempt, ports, alone }, checked, described)));
  const put = once((checked: CheckedSchema, signal: AbortSignal) =>
    change(() => publish({ attempt, ports, attempted }, checked, AbortSignal.any([signal, over.signal]))),
  );
  const saved: AttemptContext["saved"] = async (signal) => {
    const described = source.describes ? await describe(signal) : undefined;
    return save(await schema(signal), described);
  };
  const published: AttemptContext["published"] = async (signal) => {
    // The record knows a version before the registry does.
    await saved(signal);
    return put(await schema(signal), signal);
  };
  return {
    context: { attempt, ports, entry, describe, schema, saved, published, report, attempted },
    async endAhead() {
      over.abort(new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "the attempt is being taken back" }));
      await Promise.allSettled(underWay);
    },
  };
}
