/** Ten thousand commits on two replicas that are killed in the middle of numbering them: one order without a gap, each event once. */
import { expect, test } from "vitest";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { connect } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { createDatabase, query, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const program = [new URL("log-replica.ts", import.meta.url).pathname];
const each = 5_000;
/** At which of their numberings the processes of a replica die, one after the other; the last one lives. */
const deaths = ["effect 40", "begin 25", "effect 3", "effect 60", ""] as const;

interface Seen {
  readonly position: number;
  readonly id: string;
}

/** A place for processes, one after the other, and a watcher that goes on with the next one. */
interface Slot {
  readonly seen: Seen[];
  /** Commits that were answered. */
  readonly answered: string[];
  current: MusterProcess | undefined;
  isOver: boolean;
}

describeReal("the log on two replicas", (servers) => {
  test("has every position once, and every watcher sees every event once, whoever is killed", { timeout: 180_000 }, async () => {
    const database = await createDatabase(servers.mysql);
    try {
      const slots = [1, 2].map((): Slot => ({ seen: [], answered: [], current: undefined, isOver: false }));
      const watching = slots.map(watch);
      await Promise.all(slots.map((slot, index) => live(slot, `replica${index}`, database.url)));
      const rows = await eventually(async () => {
        const all = await query(database.url, "select log_position, id, event_key from outbox order by log_position");
        return all.every(({ log_position }) => log_position !== null) ? all : undefined;
      });
      const there = rows.map(({ log_position, id }) => ({ position: Number(log_position), id: String(id) }));
      expect(there.map(({ position }) => position)).toEqual(Array.from(there, (_, index) => index + 1));
      expect(await query(database.url, "select last_position from event_head")).toEqual([{ last_position: there.length }]);
      expect(there.length).toBeGreaterThanOrEqual(2 * each);
      const ids = new Set(there.map(({ id }) => id));
      expect(slots.flatMap(({ answered }) => answered).filter((id) => !ids.has(id))).toEqual([]);

      await eventually(async () => slots.every(({ seen }) => seen.length >= there.length) || undefined);
      for (const slot of slots) {
        slot.isOver = true;
        slot.current?.signal("SIGKILL");
      }
      await Promise.all(watching);
      for (const { seen } of slots) expect(seen).toEqual(there);
      for (const [, chain] of Map.groupBy(rows, ({ event_key }) => event_key)) {
        expect(chain.map(({ id }) => Number(/\d+$/.exec(String(id))?.[0]))).toEqual(Array.from(chain, (_, place) => place));
      }
    } finally {
      await database.drop();
    }
  });
});

/** The processes of one place: each dies in the middle of a numbering, until the last one has made the rest of the commits. */
async function live(slot: Slot, name: string, url: string): Promise<void> {
  for (const [life, killAt] of deaths.entries()) {
    const left = each - slot.answered.length;
    const env = { STORE: url, NAME: `${name}-${life}`, COMMITS: `${left}`, KILL_AT: killAt };
    const process = await startMuster(env, program);
    slot.current = process;
    if (killAt !== "") expect(await process.ended, process.logged().slice(-2_000)).toBe("SIGKILL");
    else await eventually(async () => process.logged().endsWith("done") || undefined, 120_000);
    slot.answered.push(...[...process.logged().matchAll(/^committed (\S+)$/gm)].map(([, id = ""]) => id));
  }
}

/** Follows the log at whichever process of a place runs, after the last position seen. */
async function watch(slot: Slot): Promise<void> {
  while (!slot.isOver) {
    const address = (await eventually(async () => slot.current, 60_000)).address;
    using client = connect(address);
    await client.stream(EventService.method.watchEvents, { afterPosition: BigInt(slot.seen.at(-1)?.position ?? 0) }, ({ item }) => {
      if (item.case === "event") slot.seen.push({ position: Number(item.value.position), id: item.value.id });
    });
  }
}
