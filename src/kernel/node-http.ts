/**
 * The used part of Node's HTTP/1.1: for the server's port and the npm driver of Consul. An ES import of `node:http` reads
 * every export; one of them is a WebSocket, for which Node loads its whole `fetch`: a large share of a start.
 */
export const { Agent, createServer } = process.getBuiltinModule("node:http");
