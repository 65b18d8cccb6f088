/**
 * Races for the decision of a request, on one replica and on two that are killed in the middle: each request has one end, nobody
 * is counted twice, nothing is stuck, and everybody is answered with the state that came to be. `APPROVAL_RACES` runs more of them.
 */
import { isDeepStrictEqual } from "node:util";
import { DatabaseSync } from "node:sqlite";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { fold } from "../../src/approvals/evolve.ts";
import type { ApprovalEvent } from "../../src/approvals/request.ts";
import { person, usePolicy } from "../support/approvals.ts";
import { CallError, type MusterClient } from "../support/client.ts";
import { createDatabase, embeddedBacking, query, startMuster, type MusterProcess } from "../support/muster.ts";
import { raceGroup, racePolicies, runRaces, type CallAs, type Raced } from "../support/races.ts";
import { describeReal } from "../support/real-servers.ts";

const count = Number(process.env["APPROVAL_RACES"] ?? 10_000);
const inFlight = 16;
const kills = 20;
const people = ["asker", "other", ...Array.from({ length: 10 }, (_, i) => `voter${i}`)];
const ends = ["request_approved", "request_rejected", "request_expired", "request_cancelled"];

interface Row {
  readonly id: string;
  readonly decision: string;
  readonly document: string;
}

interface EventRow {
  readonly approval_id: string;
  readonly sequence: number;
  readonly type: string;
  readonly at: number;
  readonly actor: string;
  readonly body: string;
}

/** One client a person, of a replica. */
function clientsOf(address: string): ReadonlyMap<string, MusterClient> {
  return new Map(people.map((name) => [name, person(address, name, name.startsWith("voter") ? { groups: raceGroup } : {})]));
}

async function usePolicies(address: string): Promise<void> {
  using admin = person(address, "root");
  for (const document of racePolicies) await usePolicy(admin, document);
}

const names: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(Decision).map(([name, number]) => [number, name]));

function judge(raced: readonly Raced[], requests: readonly Row[], events: readonly EventRow[]): void {
  expect(requests.filter(({ decision }) => ["PENDING", "IN_REVIEW", "CHANGES_REQUESTED"].includes(decision)).map(({ id }) => id)).toEqual([]);
  const byId = Map.groupBy(events, ({ approval_id }) => approval_id);
  expect(requests.filter(({ id }) => byId.get(id)?.filter(({ type }) => ends.includes(type)).length !== 1)).toEqual([]);
  const gaps = [...byId.values()].filter((own) => own.toSorted((a, b) => a.sequence - b.sequence).some(({ sequence }, i) => sequence !== i + 1));
  expect(gaps).toEqual([]);
  // What is written is what the events make, also of what was under way when a server was killed.
  const folded = (id: string) => {
    const own = byId.get(id)?.toSorted((a, b) => a.sequence - b.sequence) ?? [];
    return fold(
      own.map(({ body, sequence, type, at, actor }) => ({ ...(JSON.parse(body) as object), sequence, type, at: Number(at), actor }) as ApprovalEvent),
    );
  };
  expect(requests.filter(({ id, document }) => !isDeepStrictEqual(folded(id), JSON.parse(document)))).toEqual([]);
  // One vote a person and stage: the same command, sent again after a kill, is not counted again.
  const voted = ({ approval_id, type, actor, sequence }: EventRow) =>
    type === "vote_recorded" ? [`${approval_id} ${actor} ${revisionAt(byId.get(approval_id) ?? [], sequence)}`] : [];
  const casts = events.flatMap(voted);
  expect(casts.length - new Set(casts).size).toBe(0);
  const decisions = new Map(requests.map(({ id, decision }) => [id, decision]));
  expect(raced.filter(({ id, answered }) => answered.some((decision) => names[decision] !== decisions.get(id)))).toEqual([]);
  expect(raced.filter(({ answered }) => answered.length === 0)).toEqual([]);
  expect(new Set(raced.map(({ id }) => id)).size).toBe(raced.length);
  // The races against the expiry were some: votes in time and too late.
  const late = raced.filter(({ kind }) => kind === "a vote against expiry").map(({ id }) => decisions.get(id));
  expect(new Set(late)).toEqual(new Set(["APPROVED", "EXPIRED"]));
}

function revisionAt(events: readonly EventRow[], sequence: number): number {
  return events.filter((event) => event.type === "revision_added" && event.sequence < sequence).length;
}

describe("races for a decision", () => {
  test("on one replica", { timeout: Math.max(600_000, count * 60) }, async () => {
    await using backing = await embeddedBacking();
    const muster = await startMuster(backing.env);
    await usePolicies(muster.address);
    const clients = clientsOf(muster.address);
    const raced = await runRaces((name, call) => call(clients.get(name) as MusterClient), count, inFlight);
    muster.signal("SIGTERM");
    await muster.ended;
    const database = new DatabaseSync(new URL(backing.env["MUSTER_STORE"]?.replace("sqlite:", "file:") ?? ""), { readOnly: true });
    const requests = database.prepare("select id, decision, document from approval_requests").all() as unknown as Row[];
    const events = database.prepare("select approval_id, sequence, type, at, actor, body from approval_events").all() as unknown as EventRow[];
    database.close();
    judge(raced, requests, events);
  });
});

/** A replica that is started again whenever it was killed. */
interface Slot {
  muster: MusterProcess;
  clients: ReadonlyMap<string, MusterClient>;
  /** Resolves when it can be called. */
  ready: Promise<void>;
}

const lost: readonly number[] = [status.UNAVAILABLE, status.CANCELLED, status.UNKNOWN, status.INTERNAL, status.ABORTED, status.DEADLINE_EXCEEDED];

describeReal("races for a decision on two replicas", (servers) => {
  test(`while they are killed ${kills} times`, { timeout: Math.max(900_000, count * 90) }, async () => {
    const database = await createDatabase(servers.mysql);
    const env = { MUSTER_STORE: database.url };
    const slots: Slot[] = [];
    try {
      for (let i = 0; i < 2; i++) {
        const muster = await startMuster(env);
        slots.push({ muster, clients: clientsOf(muster.address), ready: Promise.resolve() });
      }
      await usePolicies(slots[0]?.muster.address ?? "");
      let calls = 0;
      const as: CallAs = async (name, call) => {
        for (let tries = 0; ; tries++) {
          const slot = slots[calls++ % 2] as Slot;
          await slot.ready;
          try {
            return await call(slot.clients.get(name) as MusterClient);
          } catch (error) {
            if (!(error instanceof CallError) || !lost.includes(error.status.code) || tries === 100) throw error;
          }
        }
      };
      let killed = 0;
      const restart = async (slot: Slot): Promise<void> => {
        slot.muster.signal("SIGKILL");
        await slot.muster.ended;
        for (const client of slot.clients.values()) client[Symbol.dispose]();
        slot.muster = await startMuster(env);
        slot.clients = clientsOf(slot.muster.address);
      };
      const every = Math.floor(count / (kills + 1));
      const raced = await runRaces(as, count, inFlight, (n) => {
        if (n % every !== every - 1 || killed === kills) return;
        const slot = slots[killed++ % 2] as Slot;
        slot.ready = slot.ready.then(() => restart(slot));
        slot.ready.catch(() => undefined);
      });
      await Promise.all(slots.map(({ ready }) => ready));
      expect(killed).toBe(kills);
      const requests = (await query(database.url, "select id, decision, document from approval_requests")) as unknown as Row[];
      const events = (await query(database.url, "select approval_id, sequence, type, at, actor, body from approval_events")) as unknown as EventRow[];
      judge(raced, requests, events);
    } finally {
      for (const { muster, clients } of slots) {
        for (const client of clients.values()) client[Symbol.dispose]();
        await muster[Symbol.asyncDispose]();
      }
      await database.drop();
    }
  });
});
