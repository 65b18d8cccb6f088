/** Header compression of HTTP/2 (RFC 7541): a full decoder for one connection, and the plainest possible encoder. */
import { decodeHuffman } from "./huffman.ts";

export type Header = readonly [name: string, value: string];

const statics: readonly Header[] = [
  [":authority", ""],
  ...[":method GET", ":method POST", ":path /", ":path /index.html", ":scheme http", ":scheme https"].map(pair),
  ...["200", "204", "206", "304", "400", "404", "500"].map((status): Header => [":status", status]),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...["accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization", "cache-control"].map(nameOnly),
  ...["content-disposition", "content-encoding", "content-language", "content-length", "content-location", "content-range"].map(nameOnly),
  ...["content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match", "if-modified-since"].map(nameOnly),
  ...["if-none-match", "if-range", "if-unmodified-since", "last-modified", "link", "location", "max-forwards"].map(nameOnly),
  ...["proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after", "server", "set-cookie"].map(nameOnly),
  ...["strict-transport-security", "transfer-encoding", "user-agent", "vary", "via", "www-authenticate"].map(nameOnly),
];

function pair(text: string): Header {
  const [name = "", value = ""] = text.split(" ");
  return [name, value];
}

function nameOnly(name: string): Header {
  return [name, ""];
}

/** What every entry costs beside its text, in a table and in a list. */
const overhead = 32;
const tableBytes = 4_096;

/** Headers in order; or why there are none: `malformed`, or `too_large` for a list over the limit. */
export type Decoded = readonly Header[] | "malformed" | "too_large";

/** Decodes the header blocks of one connection, in their order. `maxListBytes`: size of one decoded list, as RFC 9113 counts it. */
export function createHeaderDecoder(maxListBytes: number): (block: Uint8Array) => Decoded {
  const table: Header[] = [];
  let room = tableBytes;

  function entry(index: number): Header | undefined {
    return index <= statics.length ? statics[index - 1] : table[index - statics.length - 1];
  }

  function shrink(): void {
    let size = table.reduce((sum, header) => sum + sizeOf(header), 0);
    while (size > room) size -= sizeOf(table.pop() ?? ["", ""]);
  }

  return (block) => {
    const cursor = createCursor(block);
    const list: Header[] = [];
    let size = 0;
    while (!cursor.atEnd()) {
      const kind = cursor.peek();
      let header: Header | undefined;
      if (kind >= 0x80) {
        header = entry(cursor.integer(7));
      } else if (kind >= 0x20 && kind < 0x40) {
        room = cursor.integer(5);
        if (room > tableBytes) return "malformed";
        shrink();
        continue;
      } else {
        const indexed = kind >= 0x40;
        const index = cursor.integer(indexed ? 6 : 4);
        const name = index === 0 ? cursor.text() : entry(index)?.[0];
        const value = cursor.text();
        if (name !== undefined && value !== undefined) header = [name, value];
        if (indexed && header) {
          table.unshift(header);
          shrink();
        }
      }
      if (!header || cursor.failed()) return "malformed";
      size += sizeOf(header);
      if (size > maxListBytes) return "too_large";
      list.push(header);
    }
    return cursor.failed() ? "malformed" : list;
  };
}

function sizeOf([name, value]: Header): number {
  return name.length + value.length + overhead;
}

function createCursor(block: Uint8Array) {
  let at = 0;
  let bad = false;
  const next = () => {
    const byte = block[at++];
    if (byte === undefined) bad = true;
    return byte ?? 0;
  };
  const integer = (bits: number) => {
    const mask = 2 ** bits - 1;
    let value = next() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = next();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    bad = true;
    return 0;
  };
  return {
    atEnd: () => bad || at >= block.length,
    failed: () => bad,
    peek: () => block[at] ?? 0,
    integer,
    text: (): string | undefined => {
      const huffman = (block[at] ?? 0) >= 0x80;
      const length = integer(7);
      const bytes = block.subarray(at, at + length);
      at += length;
      if (bytes.length < length) bad = true;
      const text = bad ? undefined : huffman ? decodeHuffman(bytes) : Buffer.from(bytes).toString("latin1");
      if (text === undefined) bad = true;
      return text;
    },
  };
}

/** Headers as literals without indexing. Names and values are latin-1. */
export function encodeHeaders(headers: readonly Header[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  let rest = bytes.length - 127;
  if (rest < 0) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) length.push((rest % 0x80) + 0x80);
  return Buffer.concat([Buffer.from([0x7f, ...length, rest]), bytes]);
}
