/**
 * A replica of nothing but the log: it commits events to a MySQL database, numbers them and serves EventService.
 *
 * Environment: `STORE` its URL; `NAME` of this process, in front of the ids of its events; `COMMITS` how many it makes, from eight
 * chains, each with a key of its own whose events name their place in the chain; `KILL_AT` `begin 30` or `effect 30`: it sends
 * itself SIGKILL before or after the work of its thirtieth numbering, in both cases in the middle of that transaction.
 * It writes `committed <id>` on stderr for each commit that was answered, and `done` after the last.
 */
import { writeSync } from "node:fs";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { createEventCodec } from "../../src/delivery/event-codec.ts";
import { notingEvents } from "../../src/delivery/event-commits.ts";
import { startEventFeed } from "../../src/delivery/event-feed.ts";
import { events } from "../../src/events.ts";
import { createLog } from "../../src/kernel/log.ts";
import type { Store } from "../../src/kernel/ports.ts";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { eventService } from "../../src/rpc/platform/events.ts";
import { defaultLimits } from "../../src/rpc/transport/limits.ts";
import { startServer } from "../../src/rpc/transport/server.ts";
import { openMysqlStore } from "../../src/store/mysql.ts";

const { STORE: url = "", NAME: name = "", COMMITS: commits = "0", KILL_AT: killAt = "" } = process.env;
const chains = 8;
const clock = systemClock;
const write = (line: string): void => void writeSync(2, line);
const log = createLog({ level: "warn", format: "json", now: () => clock.now(), write });

let numberings = 0;

/** The store itself, in which this process may die while it numbers. */
function mortal(store: Store): Store {
  const die = (at: string): void => {
    if (killAt === `${at} ${numberings}`) process.kill(process.pid, "SIGKILL");
  };
  return {
    ...store,
    tx: (work) =>
      store.tx((tx) =>
        work({
          ...tx,
          eventLog: {
            ...tx.eventLog,
            async number(limit) {
              numberings += 1;
              die("begin");
              const numbered = await tx.eventLog.number(limit);
              die("effect");
              return numbered;
            },
          },
        }),
      ),
  };
}

const plain = mortal(await openMysqlStore({ url, clock }));
const feed = startEventFeed({ store: plain, clock, log });
const store = notingEvents(plain, () => feed.nudge());
const { message } = createEventCodec(events, { format: "cloudevents", topics: {} });
const server = await startServer({
  listen: { host: "127.0.0.1", port: 0 },
  services: [eventService({ feed, message, clock }, events)],
  http: [],
  gate: createAuthGate({ mode: "open" }),
  limits: defaultLimits,
  clock,
  ids: createUuidV7(clock),
  log,
});
write(`${JSON.stringify({ event: "server.listening", host: server.host, port: server.port })}\n`);

async function chain(number: number): Promise<void> {
  const key = `${name}-${number}`;
  for (let place = 0; place < Math.floor((Number(commits) + chains - 1 - number) / chains); place++) {
    const id = `${key}-${place}`;
    const payload = { type: "ServiceUnregistered", serviceId: key, name: `${place}` };
    await store.tx((tx) => tx.outbox.insert({ id, key, subject: { kind: "instance", id: key }, payload, at: clock.now(), traceparent: undefined }));
    write(`committed ${id}\n`);
  }
}

await Promise.all(Array.from({ length: chains }, (_, number) => chain(number)));
write("done\n");
