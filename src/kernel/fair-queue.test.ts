import { setImmediate as turn } from "node:timers/promises";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createFairQueue, type FairQueue, type Ticket } from "./fair-queue.ts";
import { createShares, shareFull } from "./shares.ts";

const never = new AbortController().signal;

/** One piece of work as a test has it in hand. */
interface Piece {
  readonly key: string;
  readonly ticket: Ticket;
  readonly giveUp: AbortController;
  state: "waits" | "runs" | "gave up";
}

/** Lets `key` in, and tells `started` when it runs; undefined when it is refused. */
function enter(queue: FairQueue, key: string, started: (piece: Piece) => void): Piece | undefined {
  let ticket: Ticket;
  try {
    ticket = queue.enter(key);
  } catch {
    return undefined;
  }
  const piece: Piece = { key, ticket, giveUp: new AbortController(), state: "waits" };
  ticket.turn(piece.giveUp.signal).then(
    () => {
      piece.state = "runs";
      started(piece);
    },
    () => {
      piece.state = "gave up";
      ticket[Symbol.dispose]();
    },
  );
  return piece;
}

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("enter" as const), key: fc.constantFrom("a", "b", "c", "d") }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("end" as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("give up" as const), which: fc.nat(50) }) },
);

test("whatever comes in whatever order: bounds hold, nobody waits who could run, keys take turns, each key in its order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 12 }),
      fc.array(operation, { maxLength: 60 }),
      async (places, waiting, operations) => {
        const queue = createFairQueue({ places, waiting });
        const pieces: Piece[] = [];
        const started: Piece[] = [];
        const inState = (state: Piece["state"], key?: string) => pieces.filter((piece) => piece.state === state && (key === undefined || piece.key === key));
        for (const now of operations) {
          const before = started.length;
          const waited = inState("waits");
          if (now.type === "enter") {
            const [mine, all] = [inState("runs", now.key).length + inState("waits", now.key).length, inState("runs").length + inState("waits").length];
            const piece = enter(queue, now.key, (it) => started.push(it));
            expect(piece !== undefined).toBe(mine < places + waiting - all);
            if (piece) pieces.push(piece);
          } else if (now.type === "end") {
            const running = inState("runs");
            const ending = running[now.which % running.length];
            if (ending) {
              pieces.splice(pieces.indexOf(ending), 1);
              ending.ticket[Symbol.dispose]();
            }
          } else {
            const chosen = inState("waits")[now.which % Math.max(inState("waits").length, 1)];
            chosen?.giveUp.abort(new Error("enough"));
          }
          await turn();
          const free = places - inState("runs").length;
          expect(free).toBeGreaterThanOrEqual(0);
          expect(queue.waiting()).toBe(inState("waits").length);
          for (const { key } of inState("waits")) expect(inState("runs", key).length).toBeGreaterThanOrEqual(free);
          const fresh = started.slice(before);
          for (const piece of fresh) {
            // First come, first served within a key.
            const earlier = pieces.slice(0, pieces.indexOf(piece)).filter((other) => other.key === piece.key);
            expect(earlier.some(({ state }) => state === "waits")).toBe(false);
          }
          // In one round no key starts a second time before another that waited and could have run.
          const keys = fresh.map(({ key }) => key);
          const twice = keys.find((key, index) => keys.indexOf(key) < index);
          if (twice !== undefined) {
            for (const other of new Set(waited.map(({ key }) => key))) expect(keys.includes(other) || inState("runs", other).length >= free).toBe(true);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("who takes all he can leaves half of the places, of those that run and of those that wait; two leave a third", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3 }), async (places, waiting, greedy) => {
      const queue = createFairQueue({ places, waiting });
      let running = 0;
      let inside = 0;
      for (let more = true; more;) {
        more = false;
        for (let key = 0; key < greedy; key++) {
          if (!enter(queue, `greedy ${key}`, () => (running += 1))) continue;
          inside += 1;
          more = true;
        }
      }
      await turn();
      expect(running).toBeLessThanOrEqual(Math.ceil((places * greedy) / (1 + greedy)));
      expect(inside).toBeLessThanOrEqual(Math.ceil(((places + waiting) * greedy) / (1 + greedy)));
      let isServed = false;
      if (places > greedy) enter(queue, "modest", () => (isServed = true));
      await turn();
      expect(isServed).toBe(places > greedy);
    }),
    { numRuns: 100 },
  );
});

test("one place goes round among those who wait for it, whoever has more waiting", async () => {
  const queue = createFairQueue({ places: 1 });
  const order: string[] = [];
  const work = (name: string) => async () => void (order.push(name), await turn());
  const all = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"].map((name) => queue.run(name.charAt(0), never, work(name)));
  await Promise.all(all);
  expect(order).toEqual(["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
});

test("a place is given back when work fails, and one who gives up neither starts nor stays", async () => {
  const queue = createFairQueue({ places: 1, waiting: 1 });
  const failing = queue.run("a", never, async () => {
    await turn();
    throw new Error("failed");
  });
  const given = new AbortController();
  let hasStarted = false;
  const waiting = queue.run("b", given.signal, async () => (hasStarted = true));
  await expect(queue.run("c", never, async () => 1)).rejects.toThrow("full");
  given.abort(new Error("enough"));
  queue.enter("c")[Symbol.dispose]();
  await expect(waiting).rejects.toThrow("enough");
  expect(queue.waiting()).toBe(0);
  await expect(failing).rejects.toThrow("failed");
  await expect(queue.run("b", AbortSignal.abort(new Error("before")), async () => 1)).rejects.toThrow("before");
  expect(await queue.run("c", never, async () => 1)).toBe(1);
  expect(hasStarted).toBe(false);
});

test("what was let in and never asked for its turn gives its place back, once", () => {
  const queue = createFairQueue({ places: 1, waiting: 0 });
  const ticket = queue.enter("a");
  expect(() => queue.enter("b")).toThrow("full");
  ticket[Symbol.dispose]();
  ticket[Symbol.dispose]();
  const again = queue.enter("b");
  expect(() => queue.enter("a")).toThrow("full");
  again[Symbol.dispose]();
});

test("shares that are greedier leave less, and a refusal says whose share is full", () => {
  const shares = createShares(100, 9);
  let taken = 0;
  while (shares.take("tokens|ci")) taken += 1;
  expect(taken).toBe(90);
  const about = { reason: "DEADLINE_EXCEEDED", what: "calls are open", retryAfterMs: 500 } as const;
  expect(shareFull(shares, "tokens|ci", about)).toMatchObject({
    kind: "exhausted",
    message: "the share of ci is full: 90 calls are open here for this caller, and 90 in all",
    subject: { name: "ci" },
    retryAfterMs: 500,
  });
  expect(shareFull(shares, "tokens|other", about).subject).toEqual({ type: "share", name: "all callers" });
  shares.give("tokens|ci");
  expect([shares.held(), shares.held("tokens|ci"), shares.take("10.0.0.1"), shares.held("10.0.0.1")]).toEqual([89, 89, true, 1]);
});
