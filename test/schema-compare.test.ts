/** Comparing in the sandbox: it answers, it ends in time, and what ends it harms nobody else. */
import { expect, test } from "vitest";
import { createSchemaSandbox, type SandboxOptions } from "../src/adapters/schema-sandbox/sandbox.ts";
import { createSchemaCheck } from "../src/adapters/schema-sandbox/schema-check.ts";
import { createSchemaCompare, type SchemaCompareOptions } from "../src/adapters/schema-sandbox/schema-compare.ts";
import { DomainError } from "../src/kernel/errors.ts";

const soon = () => AbortSignal.timeout(90_000);
/** For a machine that stands still now and then. */
const patient = { limitMs: 30_000, startMs: 60_000 };
const numbered = (count: number, from: number) =>
  JSON.stringify({ properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: "integer", minimum: index + from }])) });

/** A comparison in a sandbox of its own, which ends with it. */
function openCompare(options: SandboxOptions & SchemaCompareOptions) {
  const sandbox = createSchemaSandbox(options);
  return Object.assign(createSchemaCompare(sandbox, options), { [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() });
}

test("compares, many at once, in the order asked", async () => {
  await using compare = openCompare(patient);
  const verdicts = await Promise.all([
    compare('{"type":"string"}', '{"type":["string","null"]}', "ci", soon()),
    compare('{"type":"string"}', '{"type":"null"}', "ci", soon()),
    compare("{}", '{"title":"x"}', "ci", soon()),
  ]);
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["COMPATIBLE", "BREAKING", "NONE"]);
});

test("equal texts need no sandbox", async () => {
  await using compare = openCompare({ startMs: 0 });
  expect(await compare("{}", "{}", "ci", soon())).toMatchObject({ verdict: "NONE", changes: [] });
});

test("what takes too long is UNKNOWN, and the next is compared by a new child", async () => {
  await using compare = openCompare({ ...patient, limitMs: 1 });
  const late = await compare(numbered(3_000, 0), numbered(3_000, 1), "ci", soon());
  expect(late).toMatchObject({ verdict: "UNKNOWN", changes: [{ message: expect.stringMatching(/^not compared: it took longer than 1 ms$/) }] });
  expect((await compare(numbered(3_000, 0), numbered(3_000, 1), "ci", soon())).verdict).toBe("UNKNOWN");
});

test("what takes too much memory is UNKNOWN, and the next is compared", async () => {
  await using compare = openCompare({ ...patient, memoryMb: 12 });
  const small = () => compare("{}", '{"type":"null"}', "ci", soon());
  expect((await small()).verdict).toBe("BREAKING");
  const wide = (from: number) =>
    JSON.stringify({
      properties: Object.fromEntries(Array.from({ length: 1_900 }, (_, index) => [`p${index}-${"x".repeat(40)}`, { enum: [index + from, ""] }])),
    });
  expect(await compare(wide(0), wide(1), "ci", soon())).toMatchObject({ verdict: "UNKNOWN", changes: [{ message: expect.stringMatching(/memory/) }] });
  expect((await small()).verdict).toBe("BREAKING");
});

test("a result is bounded, however much differs", async () => {
  await using compare = openCompare(patient);
  const big = (letter: string) => JSON.stringify({ enum: [letter.repeat(250_000)] });
  const one = await compare(big("x"), big("y"), "ci", soon());
  expect(JSON.stringify(one).length).toBeLessThan(4_000);
  const many = await compare(numbered(3_000, 0), numbered(3_000, 1), "ci", soon());
  expect(many.verdict).toBe("BREAKING");
  expect(many.changes).toHaveLength(200);
  expect(many.omitted).toBe(2_800);
});

test("a text that is no schema is UNKNOWN, not an error", async () => {
  await using compare = openCompare(patient);
  expect(await compare("{}", "[", "ci", soon())).toMatchObject({ verdict: "UNKNOWN" });
});

test("too many that wait are refused; one who gives up is answered at once", async () => {
  await using compare = openCompare({ ...patient, places: 1, queueLength: 2 });
  const three = [1, 2, 3].map((a) => compare("{}", JSON.stringify({ a }), `${a}`, soon()));
  await expect(compare("{}", '{"a":4}', "ci", soon())).rejects.toMatchObject({ kind: "exhausted", reason: "TOO_MANY_REQUESTS" });
  await Promise.all(three);
  const given = new AbortController();
  const why = new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "enough" });
  const giving = compare(numbered(3_000, 0), numbered(3_000, 1), "ci", given.signal);
  given.abort(why);
  await expect(giving).rejects.toBe(why);
  expect((await compare("{}", '{"type":"null"}', "ci", soon())).verdict).toBe("BREAKING");
});

test("one who gives up while waiting leaves the place to the next", async () => {
  await using compare = openCompare({ ...patient, places: 1, queueLength: 1 });
  const first = compare("{}", '{"a":1}', "ci", soon());
  const given = new AbortController();
  const waiting = compare("{}", '{"a":2}', "b", given.signal);
  given.abort("enough");
  const next = compare("{}", '{"type":"null"}', "b", soon());
  await expect(waiting).rejects.toBe("enough");
  expect([(await first).verdict, (await next).verdict]).toEqual(["NONE", "BREAKING"]);
});

test("checks and comparisons take turns in one child", async () => {
  await using sandbox = createSchemaSandbox({ startMs: 60_000, places: 1, queueLength: 1 });
  const [check, compare] = [createSchemaCheck(sandbox, { limitMs: 30_000 }), createSchemaCompare(sandbox, { limitMs: 30_000 })];
  const both = [check('{"type":"object"}', "a", soon()), compare("{}", '{"type":"null"}', "ci", soon())];
  await expect(check("{}", "ci", soon())).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS" });
  expect(await Promise.all(both)).toEqual([{ warnings: [] }, expect.objectContaining({ verdict: "BREAKING" })]);
});
