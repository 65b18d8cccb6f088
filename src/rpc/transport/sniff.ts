import type { Socket } from "node:net";

export type Protocol = "tls" | "h2" | "http/1.1";

/**
 * Reads until the protocol is clear, puts the bytes back and reports it. `refuse` closes the connection, with an answer if
 * the client uses HTTP/1.1.
 */
export function sniff(socket: Socket, decided: (protocol: Protocol, refuse: () => void) => void): void {
  let head: Buffer = Buffer.alloc(0);
  const read = (chunk: Buffer) => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const protocol = protocolOf(head);
    if (!protocol) return;
    socket.off("data", read);
    socket.pause();
    socket.unshift(head);
    decided(protocol, () => {
      if (protocol !== "http/1.1") return socket.destroy();
      socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 25\r\n\r\nthis port speaks only TLS");
    });
    if (protocol === "http/1.1") socket.resume();
  };
  socket.on("data", read);
}

/** The protocol by the first bytes; undefined while it is ambiguous. */
function protocolOf(head: Buffer): Protocol | undefined {
  if (head[0] === 0x16) return "tls";
  // "POST", "PUT" and "PATCH" begin like the preface "PRI * HTTP/2.0".
  const preface = "PRI";
  const start = head.toString("latin1", 0, preface.length);
  if (start === preface) return "h2";
  return preface.startsWith(start) ? undefined : "http/1.1";
}
