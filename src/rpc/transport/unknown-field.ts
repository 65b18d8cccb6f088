import type { DescMessage } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { DomainError } from "../../kernel/errors.ts";
import { nearest } from "../../kernel/nearest.ts";

/** What the protobuf library says of a JSON field that the message does not have. */
const unknownKey = /cannot decode message (\S+) from JSON: key "(.*)" is unknown/s;

/**
 * The refusal of a request in JSON with a field that its message, or one inside it, does not have: INVALID_FIELDS with the field and
 * the one that was probably meant. Undefined for every other error. `input`: the method's request.
 */
export function unknownField(error: ConnectError, input: DescMessage): DomainError | undefined {
  const [, typeName, key] = unknownKey.exec(error.rawMessage) ?? [];
  if (typeName === undefined || key === undefined) return undefined;
  const message = messageWithin(input, typeName);
  const near = message && nearest(key, namesOf(message, key));
  const where = typeName.slice(typeName.lastIndexOf(".") + 1);
  const description = `unknown field "${key}" in ${where}${near === undefined ? "" : `; did you mean "${near}"?`}`;
  return new DomainError({ kind: "invalid", reason: "INVALID_FIELDS", message: description, fields: [{ field: key, description }], cause: error });
}

/** As the field is spelled: JSON takes both, `advertised_host` and `advertisedHost`. */
function namesOf({ fields }: DescMessage, key: string): readonly string[] {
  return fields.map(({ name, jsonName }) => (key.includes("_") ? name : jsonName));
}

function messageWithin(root: DescMessage, typeName: string): DescMessage | undefined {
  const seen = new Set([root]);
  // A set is iterated with what is added meanwhile.
  for (const message of seen) {
    if (message.typeName === typeName) return message;
    for (const { message: inner } of message.fields) if (inner) seen.add(inner);
  }
  return undefined;
}
