/** Small pieces of the gRPC and Connect wire formats. */
import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";

/** True for gRPC and gRPC-Web content types. */
export function isGrpc(contentType: string): boolean {
  return contentType.startsWith("application/grpc");
}

/**
 * A text for `grpc-message`. Escapes no more than the protocol requires: some clients decode with decodeURI, which leaves
 * the escapes of `:`, `/`, `?` and the like as they are.
 */
export function grpcMessageText(message: string): string {
  let out = "";
  for (const byte of Buffer.from(message, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** Milliseconds of a `grpc-timeout`, with fractions; undefined when it cannot be read. */
export function grpcTimeoutMs(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(number) * grpcUnits[unit]!;
}

/**
 * Makes the headers carry a deadline of at most `maxMs`, and returns it in whole milliseconds. A deadline that cannot be read stays as it is:
 * the protocol layer refuses it.
 */
export function limitDeadline(headers: Headers, maxMs: number): number {
  const grpc = isGrpc(headers.get("content-type") ?? "");
  const name = grpc ? "grpc-timeout" : "connect-timeout-ms";
  const given = headers.get(name);
  if (given !== null) {
    const ms = grpc ? grpcTimeoutMs(given) : /^\d{1,10}$/.test(given) ? Number(given) : undefined;
    if (ms === undefined) return maxMs;
    if (ms <= maxMs) return Math.ceil(ms);
  }
  headers.set(name, grpc ? `${maxMs}m` : String(maxMs));
  return maxMs;
}

/**
 * What stands for the host in the URL of a call. A client on a Unix socket sends the percent-encoded path of the socket as
 * `:authority`, as the gRPC naming document asks for; no URL can hold that.
 */
export function urlHost(authority: string | undefined): string | undefined {
  return authority?.includes("%") ? "localhost" : authority;
}

/** The name of a binary field (`-bin`) whose value is not base64, with or without padding; several values stand with commas between them. */
export function malformedBinary(rawHeaders: readonly string[]): string | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (/-bin$/i.test(name) && !rawHeaders[at + 1]!.split(",").every((value) => isBase64(value.trim()))) return name.toLowerCase();
  }
  return undefined;
}

function isBase64(value: string): boolean {
  const [, digits, padding] = /^([A-Za-z0-9+/]*)(={0,2})$/.exec(value) ?? [];
  return digits !== undefined && digits.length % 4 !== 1 && (padding === "" || value.length % 4 === 0);
}

/** The fields that tell a gRPC client how its call failed. */
export function statusFields(error: ConnectError): Record<string, string> {
  return { ...Object.fromEntries(setTrailerStatus(new Headers(), error)), "grpc-message": grpcMessageText(error.rawMessage) };
}

/** A gRPC frame, not compressed, whose message is `known` and then `rest`; what is large is not copied. */
export function frameOf(known: Uint8Array, rest: Uint8Array = new Uint8Array()): readonly Uint8Array[] {
  const copied = rest.length < largeBytes ? rest.length : 0;
  const frame = Buffer.allocUnsafe(framePrefixBytes + known.length + copied);
  frame[0] = 0;
  frame.writeUInt32BE(known.length + rest.length, 1);
  frame.set(known, framePrefixBytes);
  if (rest.length !== copied) return [frame, rest];
  frame.set(rest, framePrefixBytes + known.length);
  return [frame];
}

const largeBytes = 65_536;

/** Before each message: one byte of flags and four of length. */
export const framePrefixBytes = 5;

/** Of a frame that no other call has: a message that is kept for many callers, or its items, are shared by them. */
export function ownBytes(answer: object, [first]: readonly Uint8Array[]): number {
  return Object.isFrozen(answer) ? 0 : (first?.byteLength ?? 0);
}
