/** The comparing thread: it answers, it ends in time, and what ends it harms nobody else. */
import { expect, test } from "vitest";
import { createSchemaCompare } from "../src/adapters/schema-compare/schema-compare.ts";
import { DomainError } from "../src/kernel/errors.ts";

const soon = () => AbortSignal.timeout(90_000);
/** For a machine that stands still now and then. */
const patient = { limitMs: 30_000, startMs: 60_000 };
const numbered = (count: number, from: number) =>
  JSON.stringify({ properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: "integer", minimum: index + from }])) });

test("compares, many at once, in the order asked", async () => {
  await using compare = createSchemaCompare(patient);
  const verdicts = await Promise.all([
    compare('{"type":"string"}', '{"type":["string","null"]}', soon()),
    compare('{"type":"string"}', '{"type":"null"}', soon()),
    compare("{}", '{"title":"x"}', soon()),
  ]);
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["COMPATIBLE", "BREAKING", "NONE"]);
});

test("equal texts need no thread", async () => {
  await using compare = createSchemaCompare({ startMs: 0 });
  expect(await compare("{}", "{}", soon())).toMatchObject({ verdict: "NONE", changes: [] });
});

test("what takes too long is UNKNOWN, and the next is compared by a new thread", async () => {
  await using compare = createSchemaCompare({ ...patient, limitMs: 1 });
  const late = await compare(numbered(3_000, 0), numbered(3_000, 1), soon());
  expect(late).toMatchObject({ verdict: "UNKNOWN", changes: [{ message: expect.stringMatching(/^not compared: it took longer than 1 ms$/) }] });
  expect((await compare(numbered(3_000, 0), numbered(3_000, 1), soon())).verdict).toBe("UNKNOWN");
});

test("what takes too much memory is UNKNOWN, and the next is compared", async () => {
  await using compare = createSchemaCompare({ ...patient, memoryMb: 12 });
  const small = () => compare("{}", '{"type":"null"}', soon());
  expect((await small()).verdict).toBe("BREAKING");
  const wide = (from: number) =>
    JSON.stringify({
      properties: Object.fromEntries(Array.from({ length: 1_900 }, (_, index) => [`p${index}-${"x".repeat(40)}`, { enum: [index + from, ""] }])),
    });
  expect(await compare(wide(0), wide(1), soon())).toMatchObject({ verdict: "UNKNOWN", changes: [{ message: expect.stringMatching(/memory/) }] });
  expect((await small()).verdict).toBe("BREAKING");
});

test("a result is bounded, however much differs", async () => {
  await using compare = createSchemaCompare(patient);
  const big = (letter: string) => JSON.stringify({ enum: [letter.repeat(250_000)] });
  const one = await compare(big("x"), big("y"), soon());
  expect(JSON.stringify(one).length).toBeLessThan(4_000);
  const many = await compare(numbered(3_000, 0), numbered(3_000, 1), soon());
  expect(many.verdict).toBe("BREAKING");
  expect(many.changes).toHaveLength(200);
  expect(many.omitted).toBe(2_800);
});

test("a text that is no schema is told, not thrown", async () => {
  await using compare = createSchemaCompare(patient);
  expect(await compare("{}", "[", soon())).toMatchObject({ verdict: "UNKNOWN" });
});

test("too many that wait are refused; one who gives up is answered at once", async () => {
  await using compare = createSchemaCompare({ ...patient, queueLength: 2 });
  const two = [compare("{}", '{"a":1}', soon()), compare("{}", '{"a":2}', soon())];
  await expect(compare("{}", '{"a":3}', soon())).rejects.toMatchObject({ kind: "exhausted", reason: "TOO_MANY_ATTEMPTS" });
  await Promise.all(two);
  const given = new AbortController();
  const why = new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "enough" });
  const giving = compare(numbered(3_000, 0), numbered(3_000, 1), given.signal);
  given.abort(why);
  await expect(giving).rejects.toBe(why);
  expect((await compare("{}", '{"type":"null"}', soon())).verdict).toBe("BREAKING");
});
