import { describe, expect, test } from "vitest";
import { firstState, isWorthTaking, restOf, step, type Todo, type WatchEvent, type WatchState } from "./watch-state.ts";

/** The state after `events`, and what is to be done after the last. */
function after(events: readonly WatchEvent[], from: WatchState = firstState): { readonly state: WatchState; readonly todo: Todo | undefined } {
  return events.reduce<{ state: WatchState; todo: Todo | undefined }>(({ state }, event) => step(state, event), { state: from, todo: undefined });
}

const turn: WatchEvent = { type: "turn" };
const read = (startedAt: number, index: number, more: { at?: number; lacksSome?: boolean } = {}): WatchEvent => ({
  type: "read",
  startedAt,
  at: startedAt,
  index,
  lacksSome: false,
  ...more,
});
const services = (index: number, at: number): WatchEvent => ({ type: "answered", poll: "services", index, at, fits: true });
const checks = (index: number, at: number, fits = true): WatchEvent => ({ type: "answered", poll: "checks", index, at, fits });
const failed: WatchEvent = { type: "failed", poll: "checks" };
const certain = (at: number): Todo => ({ show: { keepMissing: false, at }, rest: "until news" });
const secondLook = (at: number): Todo => ({ show: { keepMissing: true, at }, rest: { ms: 2_000, spread: false } });

/** Read once at 100, seen by both polls, shown. */
const settled: readonly WatchEvent[] = [turn, read(100, 50), services(40, 110), turn, read(120, 50), checks(50, 130), turn];

describe("the watch of the catalog", () => {
  const cases: readonly (readonly [string, readonly WatchEvent[], Todo])[] = [
    ["reads all of it first", [turn], "read"],
    ["shows what it read, as of when the read began", [turn, read(100, 50), turn], certain(100)],
    [
      "shows after a long read at once, and rests as long as it took",
      [turn, read(100, 50, { at: 400 })],
      { show: { keepMissing: false, at: 100 }, rest: { ms: 300, spread: false } },
    ],
    ["settles", settled, certain(120)],
    ["is as of the older of its two polls", [...settled, services(40, 200), turn], certain(130)],
    ["is as of now when both have been answered", [...settled, services(40, 200), checks(50, 210), turn], certain(200)],
    ["shows a result of a check without a read", [...settled, services(40, 200), checks(51, 210), turn], certain(200)],
    ["reads when the services have changed", [...settled, services(41, 200), turn], "read"],
    ["reads when there are other checks", [...settled, checks(51, 200, false), turn], "read"],
    ["reads again when something changed during a read", [...settled, services(41, 200), turn, services(42, 205), read(201, 52), turn], "read"],
    [
      "does not look twice when an instance is missing without trouble",
      [...settled, services(41, 200), turn, read(201, 52, { lacksSome: true }), turn],
      certain(201),
    ],
    ["reads after a failure", [...settled, failed, turn], "read"],
    ["looks twice when an instance is missing after a failure", [...settled, failed, turn, read(200, 52, { lacksSome: true })], secondLook(120)],
    [
      "and believes the second look",
      [...settled, failed, turn, read(200, 52, { lacksSome: true }), turn, read(2_200, 52, { lacksSome: true }), turn],
      certain(2_200),
    ],
    [
      "but not when there was new trouble before it",
      [...settled, failed, turn, read(200, 52, { lacksSome: true }), failed, turn, read(2_200, 52, { lacksSome: true })],
      secondLook(120),
    ],
    ["looks twice when the failure was during the read", [...settled, services(41, 200), turn, failed, read(201, 52, { lacksSome: true })], secondLook(120)],
    ["shows at once what is whole after a failure", [...settled, failed, turn, read(200, 52), turn], certain(200)],
    ["looks twice when the index of the services went back", [...settled, services(3, 200), turn, read(201, 52, { lacksSome: true })], secondLook(120)],
    ["looks twice when the index of the checks went back", [...settled, checks(3, 200), turn, read(201, 52, { lacksSome: true })], secondLook(120)],
    ["looks twice when the index of a read went back", [...settled, services(41, 200), turn, read(201, 3, { lacksSome: true })], secondLook(120)],
    ["has nothing to miss before it has shown anything", [failed, turn, read(100, 50, { lacksSome: true }), turn], certain(100)],
    ["rests after a read that failed", [turn, { type: "read failed" }], { rest: { ms: 100, spread: true } }],
    ["rests longer after each, up to 2 s", Array.from({ length: 20 }, (): WatchEvent => ({ type: "read failed" })), { rest: { ms: 2_000, spread: true } }],
    [
      "and not after one that did not",
      [{ type: "read failed" }, { type: "read failed" }, turn, read(100, 50), { type: "read failed" }],
      { rest: { ms: 100, spread: true } },
    ],
    [
      "looks twice after a read that failed",
      [...settled, services(41, 200), turn, { type: "read failed" }, turn, read(300, 52, { lacksSome: true })],
      secondLook(120),
    ],
  ];

  test.each(cases)("%s", (_name, events, todo) => {
    expect(after(events).todo).toEqual(todo);
  });

  test("does not count the time of what is not shown yet", () => {
    const { state } = after([services(41, 200), checks(51, 210), turn, read(205, 51)], after(settled).state);
    expect([state.services.asOf, state.checks.asOf]).toEqual([205, 205]);
  });

  test("takes answers that are not older than the picture, and any after trouble", () => {
    const { state } = after(settled);
    expect([49, 50, 51].map((index) => isWorthTaking(state, index))).toEqual([false, true, true]);
    const begun = after([failed], state).state;
    expect(isWorthTaking(begun, 1)).toBe(true);
    // Its own index went back: the server counts anew.
    expect(isWorthTaking({ ...state, pictureIndex: 0 }, 3)).toBe(false);
  });

  test("a poll begins anew after a failure and after an index that went back", () => {
    const { state } = after(settled);
    expect(after([failed], state).state.checks).toMatchObject({ index: 0, failures: 1 });
    expect(after([failed, failed], state).state.checks).toMatchObject({ index: 0, failures: 2 });
    expect(after([failed, checks(60, 300)], state).state.checks).toMatchObject({ index: 60, failures: 0 });
    expect(after([checks(3, 300)], state).state.checks).toMatchObject({ index: 0, failures: 0 });
    expect(after([checks(0, 300)], state).state.checks).toMatchObject({ index: 0, failures: 1 });
  });

  test.each([
    [0, 0, { ms: 5, spread: false }],
    [0, 4, { ms: 5, spread: false }],
    [0, 5, { ms: 0, spread: false }],
    [1, 5, { ms: 100, spread: true }],
    [3, 0, { ms: 400, spread: true }],
    [9, 5_000, { ms: 2_000, spread: true }],
  ])("after %i failures and %i ms a poll rests", (failures, tookMs, rest) => {
    expect(restOf({ index: 1, failures, asOf: 0 }, tookMs)).toEqual(rest);
  });
});
