/** From the answer to a commit until a watcher of the log has its event, over gRPC: at the replica that committed, and at another. */
import { setTimeout as pause } from "node:timers/promises";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import type { Store } from "../../src/kernel/ports.ts";
import { openMysqlStore } from "../../src/store/mysql.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { connect } from "../../test/support/client.ts";
import { startEventLogServer } from "../../test/support/event-log-server.ts";
import { createDatabase } from "../../test/support/muster.ts";
import { timesRow, type Row } from "../report.ts";

/** Long enough for a commit not to share its numbering with the one before. */
const betweenMs = 20;
const clock = systemClock;

interface Replica {
  commit(id: string): Promise<void>;
  /** When the watcher got an event, in milliseconds of `performance.now`. */
  seenAt(id: string): Promise<number>;
}

export async function eventLatency(mysql: string, directory: string, times: number): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const database = await createDatabase(mysql);
  stack.defer(() => database.drop());
  const shared = [stack.use(await openMysqlStore({ url: database.url, clock })), stack.use(await openMysqlStore({ url: database.url, clock }))];
  const [one, two] = await Promise.all(shared.map((store) => openReplica(store, stack)));
  const alone = await openReplica(stack.use(await openSqliteStore({ path: `${directory}/events.db`, clock })), stack);
  if (!one || !two) throw new Error("there are two");
  const embedded = await measure(alone, [alone], times);
  const [same = [], other = []] = await measure(one, [one, two], times);
  return [
    timesRow("commit → watcher, SQLite", embedded[0] ?? [], { p50Ms: 5 }),
    timesRow("commit → watcher at the same replica, MySQL", same, { p50Ms: 5 }),
    timesRow("commit → watcher at another replica, MySQL", other, { p99Ms: 250 }),
  ];
}

async function measure(committing: Replica, watching: readonly Replica[], times: number): Promise<readonly (readonly number[])[]> {
  const took: number[][] = watching.map(() => []);
  for (let n = 0; n < times; n++) {
    const id = `event ${n}`;
    await committing.commit(id);
    const committedAt = performance.now();
    for (const [index, watcher] of watching.entries()) took[index]?.push((await watcher.seenAt(id)) - committedAt);
    await pause(betweenMs * Math.random());
  }
  return took;
}

async function openReplica(store: Store, stack: AsyncDisposableStack): Promise<Replica> {
  const server = stack.use(await startEventLogServer({ store, clock, log: () => undefined }));
  const client = stack.use(connect(`127.0.0.1:${server.port}`));
  const seen = new Map<string, PromiseWithResolvers<number>>();
  const arrival = (id: string): PromiseWithResolvers<number> => {
    const there = seen.get(id) ?? Promise.withResolvers<number>();
    seen.set(id, there);
    return there;
  };
  const begun = Promise.withResolvers<void>();
  const watching = client.stream(EventService.method.watchEvents, {}, ({ item }) => {
    begun.resolve();
    if (item.case === "event") arrival(item.value.id).resolve(performance.now());
  });
  watching.catch(() => undefined);
  await begun.promise;
  return {
    commit: (id) => server.commit({ id, key: "s", name: "n" }),
    seenAt: (id) => arrival(id).promise,
  };
}
