import { canonicalJson, sha256 } from "../../kernel/canonical-json.ts";
import type { PolicyDocument } from "../types.ts";

/** SHA-256 of the document in canonical form, hex. */
export function digestOf(document: PolicyDocument): string {
  return sha256(canonicalJson(document));
}
