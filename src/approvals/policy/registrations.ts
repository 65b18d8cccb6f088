/** The policy that decides on registrations: what it can read, unless it says so itself. */
import type { JsonObject } from "../../kernel/json.ts";

/** The key of the policy, and the type of its subjects. */
export const registrationPolicy = "registration";

const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;

/** JSON Schema of the context of a registration: `docs/approvals.md` says what each member is. */
export const registrationContext: JsonObject = {
  type: "object",
  properties: {
    type: { enum: ["SERVICE", "MODULE", "CONNECTOR"] },
    name: text,
    version: text,
    environment: text,
    metadata: { type: "object", additionalProperties: text },
    tags: texts,
    capabilities: texts,
    grpc_services: texts,
    schema: text,
    owner: text,
    instances: texts,
    first: { type: "boolean" },
    downgrade: { type: "boolean" },
    verdict: { enum: ["NONE", "COMPATIBLE", "BREAKING", "UNKNOWN"] },
    compared_with: text,
    changes: { type: "array", items: { type: "object", properties: { kind: text, pointer: text, message: text } } },
    changes_omitted: { type: "integer" },
  },
};
