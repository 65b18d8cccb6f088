/**
 * Node's HTTP/1.1, as far as it is used. Who imports `node:http` itself as an ES module is given every name of it; one of them
 * is a WebSocket, and Node loads its whole `fetch` for that, which is a good part of a start.
 */
export const { Agent, createServer, request } = process.getBuiltinModule("node:http");
