/** Who the other end of a connection is by its certificate: an X.509-SVID of SPIFFE. */
import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** The client has shown a certificate that is not of our authority. */
export function hasBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && certificateOf(socket) !== undefined;
}

function certificateOf(socket: TLSSocket): Buffer | undefined {
  return (socket.getPeerCertificate() as { raw?: Buffer }).raw;
}

/** By connection, since reading a certificate takes longer than a call. */
const known = new WeakMap<object, string | undefined>();

/**
 * The SPIFFE id in the client's certificate, which the server has verified. Undefined without a certificate, and when it has not
 * exactly one URI among its names, or one that is no SPIFFE id (X.509-SVID, 2 and 5.2).
 */
export function spiffeIdOf(socket: Socket): string | undefined {
  // Of HTTP/2 it is a stand-in for the socket, the same one for all calls.
  if (!("encrypted" in socket)) return undefined;
  if (!known.has(socket)) known.set(socket, idIn(socket as TLSSocket));
  return known.get(socket);
}

function idIn(socket: TLSSocket): string | undefined {
  // A resumed session without a certificate counts as authorized.
  const raw = socket.authorized ? certificateOf(socket) : undefined;
  return raw && idInCertificate(raw);
}

const spiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)+$/;

/** In Node's text of the names a comma inside of one is escaped. */
function idInCertificate(raw: Buffer): string | undefined {
  const names = new X509Certificate(raw).subjectAltName?.split(", ") ?? [];
  const uris = names.filter((name) => name.startsWith("URI:")).map((name) => name.slice("URI:".length));
  const [id = ""] = uris;
  return uris.length === 1 && spiffeId.test(id) && !/\/\.{1,2}(\/|$)/.test(id) ? id : undefined;
}
