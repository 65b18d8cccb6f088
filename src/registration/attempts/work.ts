/**
 * The work that the steps of one attempt share, in its order: the callback, the schema, the gate, the PENDING registration, the
 * publication.
 *
 * Guarantees: each piece is done once, however often and however early it is asked for, and begins when those before it are
 * done, so that the record knows a version before the registry does. A piece has a time limit and a signal of its own: a
 * step that asks for it waits as long as the step's signal allows, and giving up neither ends the piece nor is remembered
 * as its result. A failure that would come again is remembered; after any other, and after its own limit, the next to ask
 * begins the piece anew. After `end` nothing begins; when it has resolved nothing is under way.
 */
import { DomainError, isRetryable, toDomainError } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import { retrying } from "../../kernel/retry.ts";
import { timeLimit } from "../../kernel/time-limit.ts";
import type { Attempt } from "../records.ts";
import type { Candidate } from "../gate/content.ts";
import type { GateState } from "../gate/gate-records.ts";
import { compared } from "../schemas/compare-versions.ts";
import type { ModuleDescription } from "../types.ts";
import { entryOf, type AttemptContext, type AttemptWriter, type CheckedSchema, type RegistrationPorts, type Work } from "./attempt-context.ts";
import { describeModule } from "./call-back.ts";
import { savePending } from "./pending-registration.ts";
import { serviceTypes } from "./service-types.ts";

/**
 * A second less than the step has that reports it, so that the failure is the work's, which says more than the step's limit.
 * Two more for the publication: a write on the wire is waited for that long (`adapters/finishing.ts`).
 */
const limitsMs = { callback: 14_000, "schema check": 19_000, saving: 14_000, publication: 12_000 } as const;

/** The context of an attempt that this process carries out or takes back, and the way to end its work. */
export function contextOf(
  ports: RegistrationPorts,
  attempt: Attempt,
  share: string,
  { report, alone }: AttemptWriter,
): { readonly context: AttemptContext; readonly endWork: () => Promise<void> } {
  const { id: attemptId, request, serviceId, address } = attempt;
  let entry = entryOf(request, { attemptId, serviceId, address });
  const { work, end } = createWork({ attempt, share, ports, entry }, alone);
  const context: AttemptContext = {
    attempt,
    share,
    ports,
    get entry() {
      return entry;
    },
    checkService(healthService) {
      entry = entryOf(request, { attemptId, serviceId, address, healthService });
    },
    work,
    report,
  };
  return { context, endWork: end };
}

function createWork(
  about: Pick<AttemptContext, "attempt" | "share" | "ports" | "entry">,
  alone: AttemptWriter["alone"],
): { readonly work: Work; readonly end: () => Promise<void> } {
  const { attempt, share, ports } = about;
  const over = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  let attempted: CheckedSchema | undefined;

  function piece<Before, T>(
    what: keyof typeof limitsMs,
    before: () => Promise<Before>,
    work: (before: Before, signal: AbortSignal) => Promise<T>,
  ): (signal: AbortSignal) => Promise<T> {
    let result: Promise<T> | undefined;
    async function begin(): Promise<T> {
      // What fails before this piece is that piece's to remember.
      let isLasting = false;
      try {
        const given = await before();
        over.signal.throwIfAborted();
        using limit = timeLimit(ports.clock, limitsMs[what]);
        return await work(given, AbortSignal.any([over.signal, limit.signal])).catch((error: unknown) => {
          if (error === limit.signal.reason) throw tookTooLong(what);
          isLasting = !isRetryable(toDomainError(error));
          throw error;
        });
      } catch (error) {
        if (!isLasting) result = undefined;
        throw error;
      }
    }
    return (signal) => {
      result ??= tracked(begin());
      return orAborted(result, signal);
    };
  }

  function tracked<T>(running: Promise<T>): Promise<T> {
    underWay.add(running);
    const forget = () => void underWay.delete(running);
    running.then(forget, forget);
    return running;
  }

  const source = serviceTypes[attempt.type].schema;
  const describe = piece(
    "callback",
    async () => undefined,
    (_, signal) => describeModule(about, signal),
  );
  const describeIfAsked = async (): Promise<ModuleDescription | undefined> => (source.describes ? describe(over.signal) : undefined);
  const schema = piece("schema check", describeIfAsked, async (described, signal) =>
    compared(ports, await source.take(about, described, signal), share, signal),
  );
  let candidate: Candidate = { attempt, schema: undefined, description: undefined };
  let admitted: GateState | undefined;
  const save = piece(
    "saving",
    async () => ({ schema: await schema(over.signal), description: await describeIfAsked() }),
    async ({ schema: checked, description }) => {
      candidate = { attempt, schema: checked, description };
      let state: GateState | undefined;
      await alone(async (tx) => {
        // First what fails without people: they are not asked about what could not be saved.
        await savePending(tx, about, checked, description);
        state = await ports.gate.admit(tx, candidate);
      });
      admitted = state;
    },
  );
  const publish = piece(
    "publication",
    async () => (await save(over.signal), schema(over.signal)),
    async (checked, signal) => {
      attempted = checked;
      const { artifactId, version, kind, content } = checked;
      const { created } = await retrying(ports.clock, signal, () => ports.schemas.put({ artifactId, version, kind, content }, attempt.id, signal));
      return { schema: checked, created };
    },
  );

  return {
    work: {
      describe,
      schema,
      admit: async (tx) => admitted ?? ports.gate.admit(tx, candidate),
      confirm: (tx, since) => ports.gate.confirm(tx, candidate, since),
      save,
      publish,
      attempted: () => attempted,
    },
    async end() {
      over.abort(new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "the attempt is being taken back" }));
      await Promise.allSettled(underWay);
    },
  };
}

function tookTooLong(what: keyof typeof limitsMs): DomainError {
  return new DomainError({ kind: "timeout", reason: "DEADLINE_EXCEEDED", message: `the ${what} took longer than ${limitsMs[what]} ms` });
}
