/** How much of each instance a list holds, so that its message is not larger than its reader takes. */
import { ListDetail, type GetModuleResponse, type GetServiceResponse } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { DomainError, invalidFields } from "../../kernel/errors.ts";
import { answerBytes } from "../transport/limits.ts";

/** From everything to least. */
export const listDetails = [ListDetail.FULL, ListDetail.SHORT_METADATA, ListDetail.NO_METADATA, ListDetail.ADDRESSES] as const;

export type Detail = (typeof listDetails)[number];

const mostListBytes = 268_435_456;
const longValueBytes = 512;

/** Most bytes of a list; `invalid` when the request asks for what there is not. */
export function listBytesOf({ maxBytes }: { readonly maxBytes: number }): number {
  if (maxBytes < 0 || maxBytes > mostListBytes) throw invalidFields([{ field: "max_bytes", description: `must be from 0 to ${mostListBytes}` }]);
  return maxBytes || answerBytes;
}

/** A list whose addresses alone take `bytes`, more than `maxBytes`. */
export function listTooLarge(bytes: number, maxBytes: number): DomainError {
  return new DomainError({
    kind: "exhausted",
    reason: "LIST_TOO_LARGE",
    message: `the list takes ${bytes} bytes, more than ${maxBytes}: raise max_bytes, or use muster.registration.v1.RegistrationService/ListInstances, which returns pages`,
    metadata: { bytes: String(bytes), max_bytes: String(maxBytes) },
    isLasting: true,
  });
}

/** Changes the message: takes out what a list of this detail does not hold, and marks it when there was something. */
export function cutTo<T extends GetServiceResponse | GetModuleResponse>(message: T, detail: Detail): T {
  if (detail === ListDetail.FULL) return message;
  const entries = Object.entries(message.metadata);
  const short = entries.filter(([, value]) => Buffer.byteLength(value) <= longValueBytes);
  let isCut = short.length < entries.length;
  if (isCut) message.metadata = Object.fromEntries(short);
  if (message.$typeName === "ai.pipestream.platform.registration.v1.GetModuleResponse") cutDerived(message, entries, detail);
  if (detail !== ListDetail.SHORT_METADATA) {
    isCut ||= short.length > 0;
    message.metadata = {};
  }
  if (detail === ListDetail.ADDRESSES && message.$typeName === "ai.pipestream.platform.registration.v1.GetServiceResponse") {
    isCut ||= message.tags.length + message.capabilities.length + message.httpEndpoints.length > 0;
    Object.assign(message, { tags: [], capabilities: [], httpEndpoints: [] });
  }
  message.isCut = isCut;
  return message;
}

/** What a module's answer derives from its metadata goes with the value, and all of it where only addresses are left. */
function cutDerived(message: GetModuleResponse, metadata: readonly (readonly [string, string])[], detail: Detail): void {
  const isGone = (key: string) =>
    detail === ListDetail.ADDRESSES || metadata.some(([name, value]) => name === key && Buffer.byteLength(value) > longValueBytes);
  if (isGone("input_format")) message.inputFormat = "";
  if (isGone("output_format")) message.outputFormat = "";
  if (isGone("document_types")) message.documentTypes = [];
}
