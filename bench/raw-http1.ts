/** GET over persistent HTTP/1.1 connections at minimal cost, one call at a time on each; for benches. An answer is its raw body. */
import { connect, type Socket } from "node:net";
import type { Caller } from "./plain-calls.ts";

const endOfHead = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("\r\n0\r\n\r\n");

export function openRawHttp1(url: string): Caller {
  const { hostname, port, pathname, search, host } = new URL(url);
  const request = Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  const idle: Socket[] = [];
  const open = new Set<Socket>();

  function take(): Socket {
    const kept = idle.pop();
    if (kept) return kept;
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    open.add(socket);
    return socket;
  }

  return {
    call: () =>
      new Promise((resolve, reject) => {
        const socket = take();
        let answer: Buffer = Buffer.alloc(0);
        const end = (error?: Error): void => {
          socket.removeAllListeners();
          if (error) {
            socket.destroy();
            reject(error);
          } else if (answer.subarray(9, 12).toString() === "200") {
            idle.push(socket);
            resolve(answer.subarray(answer.indexOf(endOfHead) + endOfHead.length));
          } else reject(new Error(answer.subarray(0, 40).toString()));
        };
        socket.on("error", end);
        socket.on("close", () => end(new Error("the connection was closed")));
        socket.on("data", (chunk: Buffer) => {
          answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk]);
          if (isWhole(answer)) end();
        });
        socket.write(request);
      }),
    [Symbol.dispose]() {
      for (const socket of open) socket.destroy();
    },
  };
}

/** Nothing follows an answer: the next call waits for its end. */
function isWhole(answer: Buffer): boolean {
  const head = answer.indexOf(endOfHead);
  if (head < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.toString("latin1", 0, head))?.[1];
  if (length !== undefined) return answer.length >= head + endOfHead.length + Number(length);
  return answer.subarray(-lastChunk.length).equals(lastChunk);
}
