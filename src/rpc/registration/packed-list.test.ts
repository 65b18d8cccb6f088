import { expect, test } from "vitest";
import { packList, type PackedList, type Packing } from "./packed-list.ts";

interface Item {
  readonly text: string;
  checked: number | undefined;
}

function packing(lagMs = 0): Packing<Item> & { readonly encoded: () => number } {
  let encoded = 0;
  return {
    encode({ text }, checkedAt) {
      encoded += 1;
      return Buffer.from(`${text}@${checkedAt ?? "-"}`);
    },
    checkedAt: ({ checked }) => checked,
    lagMs,
    encoded: () => encoded,
  };
}

/** The items as a reader of the message finds them: field 1, each with a length of one byte. */
function read({ unknown, bytes }: PackedList<Item>): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).toBe(0x0a);
    const end = at + 2 + bytes[at + 1]!;
    texts.push(Buffer.from(bytes.subarray(at + 2, end)).toString());
    at = end;
  }
  expect(unknown.map(({ no, data }) => [no, data.length])).toEqual(texts.length === 0 ? [] : [[1, bytes.length - 1]]);
  return texts;
}

const item = (text: string, checked?: number): Item => ({ text, checked });

test("holds the items in order, and says whether any has the time of a check", () => {
  expect(read(packList([], packing()))).toEqual([]);
  const list = packList([item("a"), item("b", 5)], packing());
  expect([read(list), list.ages]).toEqual([["a@-", "b@5"], true]);
  expect(packList([item("a")], packing()).ages).toBe(false);
});

test("is the same object as the former while nothing is different, also when empty", () => {
  const items = [item("a"), item("b", 1)];
  const p = packing();
  const former = packList(items, p);
  expect(packList([...items], p, former)).toBe(former);
  expect(p.encoded()).toBe(2);
  const empty = packList([], p);
  expect(packList([], p, empty)).toBe(empty);
  expect(read(packList([], p, former))).toEqual([]);
});

test("keeps an earlier time until it is behind by more than is tolerated, counted from what is shown", () => {
  const one = item("a", 100);
  const p = packing(20);
  let list = packList([one], p);
  for (const [checked, shown] of [
    [110, 100],
    [119, 100],
    [120, 120],
    [139, 120],
    [119, 119],
    [undefined, "-"],
    [130, 130],
  ] as const) {
    one.checked = checked;
    list = packList([one], p, list);
    expect(read(list)).toEqual([`a@${shown}`]);
  }
  one.checked = 131;
  expect(packList([one], p, list)).toBe(list);
});

test("after any change reads as one made anew, and has encoded only what is new or was checked since", () => {
  // Numerical Recipes' linear congruential generator, so that a failure comes again.
  let seed = 20261122;
  const chance = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  let items: Item[] = [];
  let former: PackedList<Item> | undefined;
  for (let round = 0; round < 2_000; round += 1) {
    const before = new Map(items.map((it) => [it, it.checked]));
    for (let edits = chance(4); edits > 0; edits -= 1) {
      const at = chance(items.length + 1);
      const kind = chance(4);
      if (kind === 0) items = items.toSpliced(at, 0, item(`i${round}`, chance(2) === 0 ? undefined : round));
      else if (kind === 1) items = items.toSpliced(at, 1);
      else if (kind === 2 && items[at]) items[at].checked = round;
      else items = [...items.slice(at), ...items.slice(0, at)];
    }
    const fresh = items.filter((it) => !before.has(it) || before.get(it) !== it.checked).length;
    const p = packing();
    const next: PackedList<Item> = packList(items, p, former);
    expect(read(next)).toEqual(items.map(({ text, checked }) => `${text}@${checked ?? "-"}`));
    expect(p.encoded()).toBe(fresh);
    former = next;
  }
});
