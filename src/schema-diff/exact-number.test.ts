import { describe, expect, test } from "vitest";
import { compareSchemas } from "./compare-schemas.ts";
import { type Numeric, compareNumeric, isMultipleOf, isWhole, nextInteger, parseExactly } from "./exact-number.ts";

const number = (text: string) => parseExactly(text) as Numeric;
const shown = (value: unknown) => JSON.stringify(value);

describe("numbers as they are written", () => {
  test.each(["0.1", "1e400", "-1e-400", "9007199254740993", "0.30000000000000001", "123456789012345678901234567890", "0.1000000000000000055511151231257827"])(
    "%s is given back exactly",
    (text) => {
      expect(compareNumeric(number(text), number(text))).toBe(0);
      if (typeof number(text) === "object") expect(shown(number(text))).toBe(text);
    },
  );

  test.each([
    ["1.0", "1"],
    ["1e400", "10e399"],
    ["100e-2", "1"],
    ["0.30000000000000001000", "30000000000000001e-17"],
    ["-0", "0"],
    ["0e5", "0"],
    ["9007199254740993.0", "9007199254740993"],
  ])("%s is %s", (one, other) => {
    expect(compareNumeric(number(one), number(other))).toBe(0);
    expect(compareSchemas(`{"const":${one}}`, `{"const":${other}}`).verdict).toBe("NONE");
  });

  test("are ordered, whatever their size", () => {
    const ordered = ["-1e500", "-1e400", "-1.0000000000000001", "-1", "-1e-400", "0", "1e-500", "0.3", "0.30000000000000001", "9007199254740992"];
    const more = [...ordered, "9007199254740993", "123456789012345678901", "1e400", "1e999999999", "1e9999999999"].map(number);
    for (const [index, value] of more.entries()) {
      for (const [place, other] of more.entries()) expect(Math.sign(compareNumeric(value, other))).toBe(Math.sign(index - place));
      expect(compareNumeric(value, Infinity)).toBeLessThan(0);
      expect(compareNumeric(-Infinity, value)).toBeLessThan(0);
    }
  });

  test.each([
    ["1.5", "2", "2"],
    ["-1.5", "-1", "-1"],
    ["-0.00000000000000000001", "0", "0"],
    ["9007199254740993", "9007199254740993", "9007199254740994"],
    ["9007199254740993.5", "9007199254740994", "9007199254740994"],
    ["-9007199254740993", "-9007199254740993", "-9007199254740992"],
    ["1e30", "1e30", "1000000000000000000000000000001"],
  ])("%s has the next integer %s, and above it %s", (text, from, above) => {
    expect(compareNumeric(nextInteger(number(text), false) ?? NaN, number(from))).toBe(0);
    expect(compareNumeric(nextInteger(number(text), true) ?? NaN, number(above))).toBe(0);
  });

  test("have a next integer only where it can be written out", () => {
    expect(nextInteger(number("1e999999999"), true)).toBeUndefined();
    expect(isWhole(number("1e999999999"))).toBe(true);
    expect(isWhole(number("1.00000000000000000001"))).toBe(false);
  });

  test.each([
    ["0.3", "0.1", true],
    ["4.35", "0.01", true],
    ["1.005", "0.01", false],
    ["1e400", "1e300", true],
    ["1e400", "3", false],
    ["9007199254740993", "3", true],
    ["9007199254740992", "3", false],
    ["0", "7", true],
    ["1e999999999", "7", false],
    ["1", "2", false],
  ])("whether %s is a multiple of %s: %s", (value, step, verdict) => {
    expect(isMultipleOf(number(value), number(step))).toBe(verdict);
  });
});

describe("a comparison", () => {
  test.each([
    ['{"type":"integer","maximum":9223372036854775807}', '{"type":"integer","maximum":9223372036854775300}', "BREAKING", "/maximum"],
    ['{"type":"integer","maximum":9223372036854775300}', '{"type":"integer","maximum":9223372036854775807}', "COMPATIBLE", "/maximum"],
    ['{"minimum":-9007199254740993}', '{"minimum":-9007199254740992}', "BREAKING", "/minimum"],
    ['{"type":"integer","exclusiveMinimum":9007199254740992}', '{"type":"integer","minimum":9007199254740993}', "NONE", undefined],
    ['{"const":9007199254740993}', '{"const":9007199254740992}', "BREAKING", "/const"],
    ['{"const":{"a":[9007199254740993]}}', '{"const":{"a":[9007199254740992]}}', "BREAKING", "/const"],
    ['{"enum":[1234567890123456789]}', '{"enum":[1234567890123456788]}', "BREAKING", "/enum"],
    ['{"maximum":1e400}', '{"maximum":1e500}', "COMPATIBLE", "/maximum"],
    ['{"maximum":1e500}', '{"maximum":1e400}', "BREAKING", "/maximum"],
    ['{"maximum":0.30000000000000001}', '{"maximum":0.3}', "BREAKING", "/maximum"],
    ['{"minimum":1e-400}', '{"exclusiveMinimum":0}', "COMPATIBLE", "/minimum"],
    ['{"maxLength":9007199254740993}', '{"maxLength":9007199254740992}', "BREAKING", "/maxLength"],
    ['{"minItems":9007199254740992}', '{"minItems":9007199254740993}', "BREAKING", "/minItems"],
    ['{"contains":{},"minContains":9007199254740992}', '{"contains":{},"minContains":9007199254740993}', "BREAKING", "/minContains"],
    ['{"const":1e400}', '{"type":"integer"}', "COMPATIBLE", "/const"],
    ['{"const":0.30000000000000001}', '{"type":"integer"}', "BREAKING", "/type"],
    ['{"enum":[9007199254740993]}', '{"maximum":9007199254740992}', "BREAKING", "/maximum"],
    ['{"enum":[9007199254740993]}', '{"maximum":9007199254740993}', "COMPATIBLE", "/enum"],
    ['{"default":1e400}', '{"default":2e400}', "NONE", undefined],
  ] as const)("%s → %s is %s", (former, next, verdict, pointer) => {
    const comparison = compareSchemas(former, next);
    expect(comparison.verdict).toBe(verdict);
    if (pointer !== undefined) expect(comparison.changes.find(({ kind }) => kind === verdict)?.pointer).toBe(pointer);
  });

  test("shows numbers as they were written", () => {
    const [change] = compareSchemas('{"maximum":9223372036854775807}', '{"maximum":9223372036854775300}').changes;
    expect(change?.message).toBe("maximum 9223372036854775807 became 9223372036854775300");
    expect([shown(change?.before), shown(change?.after)]).toEqual(["9223372036854775807", "9223372036854775300"]);
  });

  test.each([
    [0.5, 0.25, "COMPATIBLE"],
    [1, 0.5, "COMPATIBLE"],
    [2.5, 0.5, "COMPATIBLE"],
    [0.1, 0.01, "COMPATIBLE"],
    [0.25, 0.5, "BREAKING"],
    [0.5, 0.3, "BREAKING"],
    [6, 3, "COMPATIBLE"],
    [1e300, 1e-300, "COMPATIBLE"],
  ])("multiples of %d are multiples of %d: %s", (former, next, verdict) => {
    expect(compareSchemas({ multipleOf: former }, { multipleOf: next }).verdict).toBe(verdict);
  });

  test("knows that integers are multiples of what divides one", () => {
    expect(compareSchemas({ type: "integer" }, { type: "integer", multipleOf: 0.5 }).verdict).toBe("NONE");
    expect(compareSchemas({ type: "integer" }, { type: "integer", multipleOf: 0.3 }).verdict).toBe("BREAKING");
  });

  test("of numbers with many digits takes no longer than of others", () => {
    const digits = "7".repeat(100_000);
    const start = process.threadCpuUsage();
    for (const keyword of ["minimum", "multipleOf", "const"]) {
      const [former, next] = [`{"type":"integer","${keyword}":${digits}}`, `{"type":"integer","${keyword}":${digits}8}`];
      expect(compareSchemas(former, next).verdict).toBe("BREAKING");
    }
    expect(process.threadCpuUsage(start).user).toBeLessThan(1_000_000);
  });
});
