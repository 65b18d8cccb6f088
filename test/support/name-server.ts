/** A name server on loopback in the test's hand. */
import { createSocket } from "node:dgram";
import { once } from "node:events";

/** What it says of a name: its addresses, all IPv4 or all IPv6; that there is no such name; that it failed; nothing at all. */
export type Said = readonly string[] | "unknown" | "failed" | "silent";

export interface NameServer extends AsyncDisposable {
  /** As `servers` of the name service takes it. */
  readonly address: string;
  /** Names in the order in which they were asked for, once each. */
  readonly asked: readonly string[];
}

export async function startNameServer(say: (name: string) => Said): Promise<NameServer> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, from) => {
    const { name, end, type } = questionOf(query);
    if (!asked.includes(name)) asked.push(name);
    const said = say(name);
    if (said === "silent") return;
    const code = said === "unknown" ? 3 : said === "failed" ? 2 : 0;
    const answers = typeof said === "string" ? [] : said.map(bytesOf).filter(({ length }) => length === (type === 1 ? 4 : 16));
    const header = Buffer.from([query[0]!, query[1]!, 0x81, 0x80 | code, 0, 1, 0, answers.length, 0, 0, 0, 0]);
    const records = answers.map((bytes) => Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length, ...bytes]));
    socket.send(Buffer.concat([header, query.subarray(12, end), ...records]), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
}

function questionOf(query: Buffer): { readonly name: string; readonly end: number; readonly type: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 5, type: query.readUInt16BE(at + 1) };
}

/** IPv6 only as `x::y`, each side with groups or none. */
function bytesOf(address: string): readonly number[] {
  if (!address.includes(":")) return address.split(".").map(Number);
  const [before = [], after = []] = address.split("::").map((side) => side.split(":").filter((group) => group !== ""));
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after].map((group) => Number.parseInt(group, 16));
  return groups.flatMap((group) => [group >> 8, group & 255]);
}
