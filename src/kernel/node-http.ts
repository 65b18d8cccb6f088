/**
 * Node's HTTP/1.1, as far as it is used: by the server's port and by the npm driver of Consul. An ES import of `node:http` reads
 * every name of it; one of them is a WebSocket, for which Node loads its whole `fetch`: a good part of a start.
 */
export const { Agent, createServer } = process.getBuiltinModule("node:http");
