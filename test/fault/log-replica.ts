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
import { createLog } from "../../src/kernel/log.ts";
import type { Store } from "../../src/kernel/ports.ts";
import { openMysqlStore } from "../../src/store/mysql.ts";
import { startEventLogServer } from "../support/event-log-server.ts";

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

const server = await startEventLogServer({ store: mortal(await openMysqlStore({ url, clock })), clock, log });
write(`${JSON.stringify({ event: "server.listening", host: "127.0.0.1", port: server.port })}\n`);

async function chain(number: number): Promise<void> {
  const key = `${name}-${number}`;
  for (let place = 0; place < Math.floor((Number(commits) + chains - 1 - number) / chains); place++) {
    const id = `${key}-${place}`;
    await server.commit({ id, key, name: `${place}` });
    write(`committed ${id}\n`);
  }
}

await Promise.all(Array.from({ length: chains }, (_, number) => chain(number)));
write("done\n");
