import { describe, expect, it } from "vitest";
import { createHeaderDecoder, encodeHeaders, type Header } from "./hpack.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const maxBytes = 16_384;
const decodeOne = (bytes: Uint8Array) => createHeaderDecoder(maxBytes)(bytes);

describe("header decoder", () => {
  it("decodes the responses of RFC 7541, C.6: Huffman code, static and dynamic table", () => {
    const decode = createHeaderDecoder(maxBytes);
    const date = "Mon, 21 Oct 2013 20:13:21 GMT";
    const location: Header = ["location", "https://www.example.com"];
    const first = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3";
    expect(decode(hex(first))).toEqual([[":status", "302"], ["cache-control", "private"], ["date", date], location]);
    expect(decode(hex("4883640effc1c0bf"))).toEqual([[":status", "307"], ["cache-control", "private"], ["date", date], location]);
    const third =
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007";
    expect(decode(hex(third))).toEqual([
      [":status", "200"],
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
      location,
      ["content-encoding", "gzip"],
      ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ]);
  });

  it("decodes what the encoder makes, whatever the length", () => {
    const headers = [0, 1, 126, 127, 128, 254, 255, 256, 5_000].map((length): Header => [`x-${length}`, "ÿ".repeat(length)]);
    expect(decodeOne(encodeHeaders(headers))).toEqual(headers);
  });

  it("forgets what no longer fits into the table", () => {
    const decode = createHeaderDecoder(maxBytes);
    const remembered = (name: string, value: string) => Buffer.concat([Buffer.from([0x40]), encodeHeaders([[name, value]]).subarray(1)]);
    const newest = Buffer.from([0x80 + 62]);
    const second = Buffer.from([0x80 + 63]);
    decode(remembered("a", "1"));
    decode(remembered("b", "2"));
    expect(decode(Buffer.concat([newest, second]))).toEqual([
      ["b", "2"],
      ["a", "1"],
    ]);
    expect(decode(remembered("c", "x".repeat(4_050)))).toHaveLength(1);
    expect(decode(newest)).toHaveLength(1);
    expect(decode(second)).toBe("malformed");
    expect(decode(hex("20"))).toEqual([]);
    expect(decode(newest)).toBe("malformed");
  });

  it.each([
    ["an index that is nowhere", "be"],
    ["index zero", "80"],
    ["an endless integer", "ff ff ff ff ff ff ff"],
    ["a literal without its end", "00 05 61"],
    ["a literal without its value", "00 01 61"],
    ["a larger table than allowed", "3f e2 1f"],
    ["the end-of-string symbol", "00 01 61 84 ff ff ff ff"],
    ["Huffman padding of a whole byte", "00 01 61 82 1f ff"],
    ["Huffman padding of zeros", "00 01 61 81 00"],
  ])("refuses %s", (_what, bytes) => {
    expect(decodeOne(hex(bytes))).toBe("malformed");
  });

  it("refuses a small block that unpacks to a large list", () => {
    const decode = createHeaderDecoder(maxBytes);
    decode(Buffer.concat([Buffer.from([0x40]), encodeHeaders([["a", "x".repeat(3_900)]]).subarray(1)]));
    expect(decode(Buffer.alloc(4, 0x80 + 62))).toHaveLength(4);
    expect(decode(Buffer.alloc(5, 0x80 + 62))).toBe("too_large");
  });
});
