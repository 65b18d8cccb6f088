/** The gate, as attempts use it. */
import { Held } from "../../kernel/saga.ts";
import type { Registration, RegistrationTx } from "../records.ts";
import type { GateApprovals, Way } from "./approvals.ts";
import type { Candidate } from "./content.ts";
import type { Ask, GateState } from "./gate-records.ts";

export interface Gate {
  /**
   * Resolves when the candidate may go live. Rejects with `HeldForApproval` when people have to decide first, and with
   * APPROVAL_REJECTED, VERSION_CONTENT_DIFFERS or CONTEXT_INVALID when it may not at all.
   */
  admit(tx: RegistrationTx, candidate: Candidate): Promise<GateState>;
  /** The same in the transaction that makes it ACTIVE, which ends its ask; `since` is what `admit` resolved to in one that is committed. */
  confirm(tx: RegistrationTx, candidate: Candidate, since: GateState): Promise<void>;
  /**
   * Somebody else asks for what an instance waits for already, and so does not decide on it. Rejects with APPROVAL_REJECTED when nobody
   * could decide then.
   */
  join(tx: RegistrationTx, approvalId: string, actor: string): Promise<void>;
  /** The instance does not ask any more: ends its ask, if it has one, and the request when nobody else asks. True when it had one. */
  leave(tx: RegistrationTx, serviceId: string): Promise<boolean>;
  /** Whether what is live may have these tags without asking anew: it is approved with them, or nobody who decides reads tags. */
  mayTag(tx: RegistrationTx, live: Registration, tags: readonly string[]): Promise<boolean>;
  /** What happens to a request from now on: see `GateApprovals`. */
  readonly follow: GateApprovals["follow"];
  /** It was off when this process last looked, some seconds ago at most; so nothing waits that this process has held. */
  wasOff(): boolean;
  /** What the policy would make of a request whose instance is not known yet; undefined while the gate is off. */
  forecast(tx: RegistrationTx, candidate: Candidate): Promise<Forecast | undefined>;
}

export interface Forecast {
  readonly policyVersion: number;
  readonly decides: Way["decides"];
  readonly reason: string;
}

/** An instance waits for people; `ask` records that, in the transaction that ends its attempt. */
export class HeldForApproval extends Held {
  readonly ask: (tx: RegistrationTx) => Promise<Ask>;
  constructor(ask: (tx: RegistrationTx) => Promise<Ask>) {
    super("the registration waits for an approval");
    this.ask = ask;
  }
}
