import { describe, expect, test } from "vitest";
import { foldCase, hostKeyOf, idKeyOf, isSamePlace, nameKeyOf } from "./keys.ts";

describe("case", () => {
  test.each([
    ["Fld-Pay", "fld-pay"],
    ["ÄÖÜ", "äöü"],
    ["ΣΑΣ", "σας"],
    ["\u212aelvin", "kelvin"],
    ["\u017fum", "sum"],
    ["\u1e9e", "\u00df"],
    ["\u{10400}", "\u{10428}"],
  ])("%s and %s are one", (one, other) => {
    expect(foldCase(one)).toBe(foldCase(other));
  });

  test.each([
    ["stra\u00dfe", "strasse"],
    ["\u0131", "i"],
    ["\u0130", "i"],
    ["a", "ä"],
    ["a", "a "],
    ["ä", "a\u0308"],
    ["\ufb01", "fi"],
  ])("%s and %s are two", (one, other) => {
    expect(foldCase(one)).not.toBe(foldCase(other));
  });

  test("is what regular expressions without case mean by it, for every character", () => {
    const wrong: string[] = [];
    for (let code = 0x80; code <= 0x1_ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const character = String.fromCodePoint(code);
      const variants = [character.toUpperCase(), character.toLowerCase(), foldCase(character)].filter((it) => it !== character && Array.from(it).length === 1);
      if (variants.length === 0) continue;
      const same = new RegExp(`^\\u{${code.toString(16)}}$`, "iu");
      for (const it of variants) if (same.test(it) !== (foldCase(it) === foldCase(character))) wrong.push(`${character} ${it}`);
    }
    expect(wrong).toEqual([]);
  });
});

test.each([
  ["LOCALHOST", "localhost"],
  ["Echo.Example.", "echo.example"],
  ["::1", "0:0:0:0:0:0:0:1"],
  ["::1", "::0001"],
  ["2001:DB8::A", "2001:db8:0:0::a"],
  ["::ffff:10.0.0.7", "10.0.0.7"],
])("hosts %s and %s are one, also in a service id", (one, other) => {
  expect(hostKeyOf(one)).toBe(hostKeyOf(other));
  expect(idKeyOf(`Fld-Pay-${one}-80`)).toBe(idKeyOf(`fld-pay-${other}-80`));
  expect(isSamePlace({ name: "Fld-Pay", host: one, port: 80 }, { name: "fld-pay", host: other, port: 80 })).toBe(true);
});

test.each([
  ["10.0.0.7", "10.0.0.70"],
  ["::1", "::2"],
  ["echo", "echo.example"],
])("hosts %s and %s are two", (one, other) => {
  expect(hostKeyOf(one)).not.toBe(hostKeyOf(other));
  expect(idKeyOf(`a-${one}-80`)).not.toBe(idKeyOf(`a-${other}-80`));
});

test.each([
  ["a-b-c-80", "a-b-c-80"],
  ["A.B-c.d-80", "a.b-c.d-80"],
  ["not an id", "not an id"],
  ["X-127.0.0.1-80", "x-127.0.0.1-80"],
  ["x-1:2-80", "x-1:2-80"],
  ["x-::1-080", "x-::1-80"],
])("the key of the service id %s is %s", (id, key) => {
  expect(idKeyOf(id)).toBe(key);
});

test("one service id of two names and hosts is not one instance", () => {
  expect(isSamePlace({ name: "a-b", host: "c", port: 1 }, { name: "a", host: "b-c", port: 1 })).toBe(false);
  expect(isSamePlace({ name: "a", host: "c", port: 1 }, { name: "a", host: "c", port: 2 })).toBe(false);
});

test("names keep their dots", () => {
  expect(nameKeyOf("Pay.Ments")).toBe("pay.ments");
});
