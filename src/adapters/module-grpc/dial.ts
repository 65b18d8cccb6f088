/** Opens one socket to one literal address, and reports the exact cause of a failure. */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type SecureContext } from "node:tls";
import type { Endpoint } from "../../registration/types.ts";
import { codeOf, type Failed } from "./outcome.ts";

export interface TlsPolicy {
  readonly context: SecureContext;
  /** Whether the certificate must be valid for the endpoint's server name. */
  readonly verify: boolean;
}

export type Dialled = { readonly type: "open"; readonly socket: Socket } | Failed;

/** No name is ever resolved here. The caller destroys the socket. Its `error` events are already handled. */
export function dial(endpoint: Endpoint, policy: TlsPolicy, signal: AbortSignal): Promise<Dialled> {
  const { address, port, tls, serverName } = endpoint;
  if (isIP(address) === 0) return Promise.resolve({ type: "unreachable", detail: "the address is not a literal IP address" });
  return new Promise((resolve) => {
    const socket = tls
      ? connectTls({
          host: address,
          port,
          ALPNProtocols: ["h2"],
          secureContext: policy.context,
          rejectUnauthorized: policy.verify,
          checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
          // A literal address must not be sent as a server name (RFC 6066).
          ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
        })
      : connectTcp({ host: address, port });
    const settle = (dialled: Dialled) => {
      signal.removeEventListener("abort", aborted);
      if (dialled.type !== "open") socket.destroy();
      resolve(dialled);
    };
    const aborted = () => settle({ type: "timeout", detail: tls ? "no TLS handshake in time" : "no connection in time" });
    socket.on("error", (error) => settle(dialFailure(error, tls)));
    socket.once("close", () => settle({ type: "unreachable", detail: "the connection was closed" }));
    socket.once(tls ? "secureConnect" : "connect", () => settle({ type: "open", socket: socket.setNoDelay() }));
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}

/** True when the server there answers a TLS handshake. */
export async function speaksTls(endpoint: Endpoint, policy: TlsPolicy, signal: AbortSignal): Promise<boolean> {
  const dialled = await dial({ ...endpoint, tls: true }, { ...policy, verify: false }, signal);
  // A peer that refuses our handshake by an alert uses TLS too.
  if (dialled.type !== "open") return dialled.code?.includes("_ALERT_") ?? false;
  dialled.socket.destroy();
  return true;
}

/** The outcome for an error of the socket, while dialling or later. */
export function dialFailure(error: unknown, tls: boolean): Failed {
  const code = codeOf(error);
  if (code === "ECONNREFUSED") return { type: "refused", code, detail: "the connection was refused" };
  if (code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL") return { type: "wrong_protocol", code, detail: "TLS, but without HTTP/2" };
  if (/_ALERT_(?:NO_|BAD_)?CERTIFICATE(?:_REQUIRED)?$/.test(code))
    return { type: "tls_mismatch", code, detail: `the instance wants a client certificate that it accepts (${code})` };
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) return { type: "tls_mismatch", code, detail: `the TLS handshake failed (${code})` };
  if (tls && !/^E[A-Z]+$/.test(code)) return { type: "tls_mismatch", code, detail: `the certificate is not accepted (${code || "unknown cause"})` };
  return { type: "unreachable", code, detail: `the connection failed (${code || "unknown cause"})` };
}
