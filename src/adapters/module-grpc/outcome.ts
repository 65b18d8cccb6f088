/** The possible outcomes of one call, before they are mapped to reasons of a registration. */

/** Why there is no gRPC answer. */
export type Failure =
  /** Nothing accepts connections. */
  | "refused"
  /** No route, no answer, or a connection that ended too soon. */
  | "unreachable"
  /** Connected, but not to a gRPC server. */
  | "wrong_protocol"
  /** One side uses TLS and the other does not, or the certificate or the handshake is not acceptable. */
  | "tls_mismatch"
  | "timeout"
  | "too_large"
  /** gRPC, but an answer that violates the protocol. */
  | "malformed";

export interface Failed {
  readonly type: Failure;
  /** The code of the Node error behind it, where there is one. */
  readonly code?: string;
  /** Human-readable; printable. */
  readonly detail: string;
}

export type Outcome =
  | { readonly type: "answer"; readonly message: Uint8Array }
  /** A gRPC status other than OK; `text` is the peer's own. */
  | { readonly type: "status"; readonly code: number; readonly text: string }
  | Failed;

/** The code in a Node error, or "" when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
