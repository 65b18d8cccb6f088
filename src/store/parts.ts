/** The parts of this program's store: a domain adds its part here. */
import type { CoreTx } from "../kernel/records.ts";
import type { Store } from "../kernel/ports.ts";
import { approvalsPart } from "./approvals/part.ts";
import { deliveryPart } from "./delivery/part.ts";
import { joinParts, type StorePart } from "./engine/part.ts";
import { inboundPart } from "./inbound/part.ts";
import { registrationPart } from "./registration/part.ts";
import { webhooksPart } from "./webhooks/part.ts";

export const storePart = joinParts(joinParts(joinParts(joinParts(deliveryPart, registrationPart), approvalsPart), webhooksPart), inboundPart);

type TxOf<Part> = Part extends StorePart<infer Tx> ? Tx : never;

/** One open transaction, with the repositories of all domains. */
export type MusterTx = TxOf<typeof storePart> & CoreTx;

/** Every transaction is one of all domains, whatever the part that opened it knows of it. */
export function wholeTx(tx: CoreTx): MusterTx {
  return tx as MusterTx;
}

export type MusterStore = Store<MusterTx>;
