import { dnsWarning } from "../../validate.ts";
import type { Note, RegistrationStep } from "../attempt-context.ts";
import type { Attempt } from "../../records.ts";

/** Reports what was checked before the attempt began: fields, hosts, name and id. An attempt is inserted with its event. */
export const validated: RegistrationStep = {
  event: "VALIDATED",
  timeoutMs: 1_000,
  run: async ({ attempt }) => validatedNote(attempt),
};

export function validatedNote({ name, address }: Pick<Attempt, "name" | "address">): Pick<Note, "message" | "metadata"> {
  const warning = dnsWarning(name);
  return { message: "request is valid", metadata: { check_address: address, ...(warning ? { warning } : {}) } };
}
