/** How many tasks are under way at once, and of which kinds. */
import { describe, expect, test } from "vitest";
import { hang, kindOf, numbered, openTaskScene } from "./support/task-scene.ts";

describe("places", () => {
  test("fifty tasks that hang until their limit do not delay one of another kind", async () => {
    await using scene = await openTaskScene();
    let hanging = 0;
    const slow = kindOf("a-slow", async (payload, signal) => {
      hanging += 1;
      await hang(payload, signal).finally(() => (hanging -= 1));
    });
    const quick = kindOf("b-quick", async () => undefined);
    await scene.insert(slow, 1, ...numbered("slow", 50));
    const tasks = scene.start([slow, quick]);
    await scene.clock.pass(2_000);
    expect(hanging).toBeGreaterThan(1);
    expect(hanging).toBeLessThan(16);
    await scene.insert(quick, 1, "quick");
    const startedAt = scene.clock.now();
    const done = tasks.run("quick");
    await scene.clock.pass(0);
    expect(await done).toBe(true);
    expect(scene.clock.now()).toBe(startedAt);
  });

  test("are sixteen in all, and none stays empty while tasks of several kinds wait", async () => {
    await using scene = await openTaskScene();
    const busy = new Map<string, number>();
    const kinds = ["a", "b", "c"].map((name) => kindOf(name, (payload, signal) => (busy.set(name, (busy.get(name) ?? 0) + 1), hang(payload, signal))));
    for (const kind of kinds) await scene.insert(kind, 1, ...numbered(kind.kind, 20));
    scene.start(kinds);
    await scene.clock.pass(5_000);
    expect([...busy.values()].reduce((sum, count) => sum + count)).toBe(16);
    expect(Math.min(...busy.values())).toBeGreaterThan(1);
  });

  test("are one for each kind when there are more kinds than places", async () => {
    await using scene = await openTaskScene();
    const begun: string[] = [];
    const kinds = numbered("k", 20).map((name) => kindOf(name, (payload, signal) => (begun.push(name), hang(payload, signal))));
    for (const kind of kinds) await scene.insert(kind, 1, ...numbered(`${kind.kind} `, 3));
    scene.start(kinds);
    await scene.clock.pass(5_000);
    expect(begun.toSorted()).toEqual(kinds.map(({ kind }) => kind).toSorted());
  });

  test("of its own has a kind that asks for them: it takes none of the others, and is left none of theirs", async () => {
    await using scene = await openTaskScene();
    const busy = new Map<string, number>();
    const count = (name: string) => (payload: number, signal: AbortSignal) => (busy.set(name, (busy.get(name) ?? 0) + 1), hang(payload, signal));
    const own = kindOf("a-own", count("own"), { places: 20 });
    const sharing = ["b", "c"].map((name) => kindOf(name, count(name)));
    for (const kind of [own, ...sharing]) await scene.insert(kind, 1, ...numbered(kind.kind, 30));
    scene.start([own, ...sharing]);
    await scene.clock.pass(5_000);
    expect(busy.get("own")).toBe(20);
    expect((busy.get("b") ?? 0) + (busy.get("c") ?? 0)).toBe(16);
  });

  test("are given on at once, so that many tasks need no second of their own", async () => {
    await using scene = await openTaskScene();
    let done = 0;
    const kind = kindOf("k", async () => void (done += 1));
    await scene.insert(kind, 1, ...numbered("t", 300));
    scene.start([kind]);
    for (let turns = 0; turns < 60; turns++) await scene.clock.pass(0);
    expect(done).toBe(300);
  });
});
