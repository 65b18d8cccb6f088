/**
 * grpc-web-text: gRPC-Web in base64, for browsers that cannot read binary streams.
 *
 * Guarantees: pieces of the request may end anywhere, and may be padded in the middle of the body; no more than a group of
 * four characters is held back. Each piece of the answer is a whole number of groups, so that a client can decode it at once.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

const textType = "application/grpc-web-text";

export function isWebText(contentType: string | null): boolean {
  return contentType?.startsWith(textType) ?? false;
}

/** The content type of the same message in binary. */
export function binaryTypeOf(contentType: string): string {
  return `application/grpc-web${contentType.slice(textType.length)}`;
}

/** Throws INVALID_ARGUMENT at characters that are no base64, or when a group is not whole at the end. */
export async function* decoded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = "";
  for await (const piece of body) {
    const text =
      rest +
      Buffer.from(piece)
        .toString("latin1")
        .replace(/[\r\n]/g, "");
    const whole = text.length - (text.length % groupChars);
    rest = text.slice(whole);
    if (whole > 0) yield decode(text.slice(0, whole));
  }
  if (rest !== "") throw notBase64();
}

const groupChars = 4;
const groups = /(?:[A-Za-z0-9+/]{4})+|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=/g;

function decode(text: string): Uint8Array {
  const parts = text.match(groups) ?? [];
  if (parts.reduce((chars, part) => chars + part.length, 0) !== text.length) throw notBase64();
  return Buffer.concat(parts.map((part) => Buffer.from(part, "base64")));
}

function notBase64(): ConnectError {
  return new ConnectError("the body is not base64", Code.InvalidArgument);
}

/** The answer to a request of `contentType`, in base64. */
export function asWebText(answer: UniversalServerResponse, contentType: string): UniversalServerResponse {
  if (!answer.body) return answer;
  answer.header?.set("content-type", contentType);
  return Object.assign(answer, { body: encoded(answer.body) });
}

async function* encoded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of body) yield Buffer.from(Buffer.from(piece).toString("base64"), "latin1");
}
