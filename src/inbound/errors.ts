import { DomainError } from "../kernel/errors.ts";

/** The answer to an id that the tenant does not have, whoever has it. */
export function noEvent(id: string): DomainError {
  const subject = { type: "inbound event", name: id };
  return new DomainError({ kind: "not_found", reason: "INBOUND_EVENT_NOT_FOUND", message: "there is no event from outside with this id", subject });
}

export function succeededAlready(id: string): DomainError {
  const subject = { type: "inbound event", name: id };
  return new DomainError({ kind: "wrong_state", reason: "INBOUND_EVENT_SUCCEEDED", message: "its vote was cast already", subject });
}
