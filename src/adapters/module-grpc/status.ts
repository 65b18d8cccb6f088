/** The status of a call, from the headers and trailers of its answer. */
import { printable } from "../../kernel/log.ts";
import type { Outcome } from "./outcome.ts";

type Headers = ReadonlyMap<string, string>;

const codes = { unknown: 2, unimplemented: 12, unavailable: 14 } as const;

/** The outcome of the call, if these headers or trailers have its gRPC status. `message`: the complete message, if present. */
export function statusOutcome(headers: Headers, message: Uint8Array | undefined): Outcome | undefined {
  const status = headers.get("grpc-status");
  if (status === undefined) return undefined;
  const code = /^\d{1,4}$/.test(status) ? Number(status) : codes.unknown;
  if (code !== 0) return { type: "status", code, text: statusText(headers.get("grpc-message") ?? "") };
  return message ? { type: "answer", message } : { type: "malformed", detail: "the answer is OK without a whole message" };
}

/** At most 200 characters, escaped. */
function statusText(encoded: string): string {
  const bytes = encoded.slice(0, 2_000).replace(/%([0-9a-fA-F]{2})/g, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return printable(Buffer.from(bytes, "latin1").toString("utf8"), 200);
}

/** Headers without a gRPC status: undefined when the answer may still become one, else what gRPC makes of such HTTP answers. */
export function httpOutcome(headers: Headers): Outcome | undefined {
  const status = headers.get(":status") ?? "";
  const text = `HTTP ${printable(status, 8)} without a gRPC status`;
  if (status === "404") return { type: "status", code: codes.unimplemented, text };
  if (["429", "502", "503", "504"].includes(status)) return { type: "status", code: codes.unavailable, text };
  const isGrpc = /^application\/grpc(?:$|[+;])/.test(headers.get("content-type") ?? "");
  if (status === "200" && isGrpc) return undefined;
  return { type: "wrong_protocol", detail: `HTTP/2, but not gRPC: ${text}` };
}
