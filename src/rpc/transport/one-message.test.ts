import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { OneMessage } from "./one-message.ts";

function frame(message: Buffer, flags = 0): Buffer {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function read(pieces: readonly Buffer[], maxBytes = 1_000): string {
  const message = new OneMessage(maxBytes);
  for (const piece of pieces) message.take(piece);
  return Buffer.from(message.bytes()).toString();
}

function codeOf(action: () => unknown): Code {
  try {
    action();
  } catch (error) {
    return ConnectError.from(error).code;
  }
  throw new Error("nothing was thrown");
}

test("is read from pieces of any size", () => {
  const text = "0123456789".repeat(30);
  const all = frame(Buffer.from(text));
  for (let size = 1; size <= all.length; size += 1) {
    const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.subarray(index * size, (index + 1) * size));
    expect(read(pieces)).toBe(text);
  }
  expect(read([frame(Buffer.alloc(0))])).toBe("");
});

test("of a mebibyte, byte by byte, is no more work than its bytes", () => {
  const text = "x".repeat(1 << 20);
  expect(
    read(
      [...frame(Buffer.from(text))].map((byte) => Buffer.of(byte)),
      1 << 20,
    ),
  ).toBe(text);
});

test("leaves the pieces as they were", () => {
  const [one, other] = [Buffer.from([0, 0, 0]), Buffer.from([0, 3, 97, 98, 99])];
  expect(read([one, other])).toBe("abc");
  expect([...one]).toEqual([0, 0, 0]);
});

test.each([
  ["nothing", [], Code.Unimplemented],
  ["a piece of a prefix", [Buffer.alloc(4)], Code.InvalidArgument],
  ["less than it says", [frame(Buffer.from("abc")).subarray(0, 7)], Code.InvalidArgument],
  ["more than it says", [frame(Buffer.from("abc")), Buffer.of(0)], Code.Unimplemented],
  ["more than may be", [frame(Buffer.alloc(1_001))], Code.ResourceExhausted],
  ["the promise of more than may be", [Buffer.from([0, 255, 255]), Buffer.from([255, 255])], Code.ResourceExhausted],
  ["compressed", [frame(Buffer.from("abc"), 1)], Code.InvalidArgument],
] as const)("that is %s is refused", (_what, pieces, code) => {
  expect(codeOf(() => read(pieces))).toBe(code);
});
