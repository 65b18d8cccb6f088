import { expect, test } from "vitest";
import { batched } from "./batched.ts";

/** Reads that end when the test says so. */
function script(most = 100) {
  const reads: { readonly keys: readonly string[]; readonly end: PromiseWithResolvers<ReadonlyMap<string, string>> }[] = [];
  const ask = batched<string, string>((keys) => {
    const end = Promise.withResolvers<ReadonlyMap<string, string>>();
    reads.push({ keys, end });
    return end.promise;
  }, most);
  const begun = (count: number) => expect.poll(() => reads.length).toBe(count);
  return { reads, ask, begun };
}

test("who asks before a read begins is part of it, and who asks while it runs gets one of the next", async () => {
  const { reads, ask, begun } = script();
  const [a, b, again] = [ask("a"), ask("b"), ask("a")];
  await begun(1);
  const [later, c] = [ask("a"), ask("c")];
  expect(reads.map(({ keys }) => keys)).toEqual([["a", "b"]]);
  reads[0]?.end.resolve(new Map([["a", "1"]]));
  expect(await Promise.all([a, b, again])).toEqual(["1", undefined, "1"]);
  await begun(2);
  expect(reads[1]?.keys).toEqual(["a", "c"]);
  reads[1]?.end.resolve(new Map([["a", "2"]]));
  expect(await Promise.all([later, c])).toEqual(["2", undefined]);
  const last = ask("a");
  await begun(3);
  reads[2]?.end.resolve(new Map());
  expect(await last).toBeUndefined();
});

test("a read that fails, fails for those it was made for", async () => {
  const { reads, ask, begun } = script();
  const failing = Promise.allSettled([ask("a"), ask("b")]);
  await begun(1);
  const next = ask("a");
  reads[0]?.end.reject(new Error("away"));
  expect((await failing).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await begun(2);
  reads[1]?.end.resolve(new Map([["a", "back"]]));
  expect(await next).toBe("back");
});

test("a read is for so many keys at most", async () => {
  const { reads, ask, begun } = script(2);
  const all = Promise.all(["a", "b", "c"].map(ask));
  await begun(1);
  reads[0]?.end.resolve(new Map());
  await begun(2);
  reads[1]?.end.resolve(new Map([["c", "3"]]));
  expect(reads.map(({ keys }) => keys)).toEqual([["a", "b"], ["c"]]);
  expect(await all).toEqual([undefined, undefined, "3"]);
});
