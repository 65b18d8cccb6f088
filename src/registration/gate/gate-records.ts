/** What the store keeps for the gate: whether it is on, which contents may go live, and who waits. Times are epoch milliseconds. */
import type { RegisterInput } from "../types.ts";

/** The state of the gate. Its number grows when what was admitted may not be any more, or when the gate is turned on or off. */
export interface GateState {
  readonly epoch: number;
  readonly isOn: boolean;
}

/** A content of one version of a name that may go live without asking. */
export interface Admission {
  readonly id: string;
  /** `name@version` */
  readonly subjectId: string;
  readonly digest: string;
  /** Names of the context whose values are part of the digest; undefined: all of them. */
  readonly reads: readonly string[] | undefined;
  /** The version of the policy by which it was admitted. */
  readonly policyVersion: number;
  /** What the policy made of it then; undefined of what was live when the gate was turned on. */
  readonly way: string | undefined;
  readonly approvalId: string | undefined;
}

/** An instance that waits for an approval, by the request that asked. */
export interface Ask {
  readonly serviceId: string;
  readonly approvalId: string;
  /** Of its key when it asked: an Unregister since then ends it. */
  readonly generation: number;
  readonly name: string;
  readonly version: string;
  readonly requestHash: string;
  readonly request: RegisterInput;
  readonly address: string;
  readonly digest: string;
  readonly actor: string;
  readonly traceparent: string | undefined;
  /** The attempt that was held. */
  readonly attemptId: string;
  readonly askedAt: number;
  /** It was approved: an attempt of its own begins. */
  readonly isAdmitted: boolean;
  /** What the approval is waiting for, as callers are shown it. */
  readonly shown: Readonly<Record<string, string>>;
}

/** What the same request is answered from: an ask without the request itself, which is large. */
export type Waiting = Pick<
  Ask,
  "serviceId" | "approvalId" | "generation" | "requestHash" | "address" | "digest" | "actor" | "askedAt" | "isAdmitted" | "shown"
>;

export interface GateRepository {
  /** The state, which cannot change until the transaction ends. */
  state(): Promise<GateState>;
  /** Locks the state, waiting for transactions that have read it, and moves its number on. */
  move(isOn?: boolean): Promise<void>;
  admissions(subjectId: string): Promise<readonly Admission[]>;
  admit(...admissions: readonly Admission[]): Promise<void>;
  removeAdmissions(ids: readonly string[]): Promise<void>;
}

export interface AskFilter {
  readonly name?: string;
  readonly approvalId?: string;
  readonly afterId: string;
  readonly limit: number;
}

export interface AskRepository {
  /** Inserts the ask, in the place of an earlier one of its service id. */
  put(ask: Ask): Promise<void>;
  find(serviceId: string): Promise<Ask | undefined>;
  /** Those of the instances that have these keys (`idKeyOf`), in any order. */
  waiting(idKeys: readonly string[]): Promise<readonly Waiting[]>;
  /** Those of one approval, the earliest first. */
  of(approvalId: string): Promise<readonly Ask[]>;
  list(filter: AskFilter): Promise<readonly Ask[]>;
  /** Says that these still ask. */
  touch(serviceIds: readonly string[], at: number): Promise<void>;
  /** What the approval waits for has changed. */
  show(approvalId: string, shown: Ask["shown"]): Promise<void>;
  /** All asks of an approval were approved. */
  setAdmitted(approvalId: string): Promise<void>;
  delete(serviceId: string): Promise<void>;
  /** Deletes those of an approval, unless they were admitted. */
  deleteOf(approvalId: string): Promise<void>;
  count(): Promise<number>;
}
