/** All that is left of one instance, in every backend, and what should be. */
import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import type { Discovered, Held, Site } from "./site.ts";
import { eventually } from "../support/instances.ts";

export interface Instance {
  readonly name: string;
  readonly serviceId: string;
  readonly version: string;
  readonly artifactId: string;
  readonly hasSchema: boolean;
}

export interface Survey {
  /** `<id> <state>`, oldest first. */
  readonly attempts: readonly string[];
  readonly registrations: readonly string[];
  /** State in the record and in the registry; `none` when both agree that nobody is served the version. */
  readonly schema: string;
  readonly held: Held | undefined;
  readonly discovered: readonly Discovered[] | undefined;
  /** `<Registered or Unregistered> <published, waiting or parked>`, in order. */
  readonly outbox: readonly string[];
  /** Whether what was delivered is what the outbox has, each event at least once, in order. */
  readonly delivered: "as recorded" | readonly string[];
  /** Ids of the ServiceRegistered or ModuleRegistered events: those of the attempts that made them. */
  readonly registeredBy: readonly string[];
  readonly openTasks: number;
}

/** What has happened to an instance so far. */
export interface Story {
  /** In the order in which they began. A HELD one is COMPLETED, and made nothing. */
  readonly attempts: readonly { readonly id: string; readonly state: "COMPLETED" | "ROLLED_BACK" | "HELD" }[];
  readonly unregistered?: boolean;
  /** Tags of the serving entry. */
  readonly tags?: readonly string[];
}

export async function survey(site: Site, { name, serviceId, version, artifactId }: Instance): Promise<Survey> {
  await using view = await site.look();
  const attempts = await view.query("select id, state from attempts where service_id = ? order by id", [serviceId]);
  const ids = attempts.map(({ id }) => String(id));
  const registrations = await view.query("select id, state from registrations where service_id = ? order by id", [serviceId]);
  const [record] = await view.query("select state from schema_versions where artifact_id = ? and version = ?", [artifactId, version]);
  const outbox = await view.query(`select id, payload, ${view.reached} as reached, parked_at from outbox where event_key = ? order by position`, [serviceId]);
  const events = outbox.map(({ id, payload, reached, parked_at: parked }) => ({
    id: String(id),
    kind: /"type":"[A-Za-z]+Unregistered"/.test(String(payload)) ? "Unregistered" : "Registered",
    state: reached === null ? (parked === null ? "waiting" : "parked") : "published",
  }));
  const tasks = await view.query("select payload from tasks");
  const delivered = await view.delivered(serviceId);
  const asRecorded = delivered.join() === events.map(({ id }) => id).join();
  return {
    attempts: attempts.map(({ id, state }) => `${id} ${state}`),
    registrations: registrations.map(({ id, state }) => `${id} ${state}`),
    schema: schemaOf(record?.["state"], await view.schemaState(artifactId, version)),
    held: await view.held(serviceId, ids),
    discovered: await view.discovered(name),
    outbox: events.map(({ kind, state }) => `${kind} ${state}`),
    delivered: asRecorded ? "as recorded" : delivered,
    registeredBy: events.filter(({ kind }) => kind === "Registered").map(({ id }) => id),
    openTasks: tasks.filter(({ payload }) => [serviceId, ...ids].some((id) => String(payload).includes(id))).length,
  };
}

/** A version that was never published is in neither, one that is released is disabled in both. */
function schemaOf(record: unknown, registry: string | undefined): string {
  const states = `${String(record)}/${String(registry)}`;
  return states === "undefined/undefined" || states === "DISABLED/DISABLED" ? "none" : states;
}

/** Waits, within a limit, until the survey tells exactly this story. */
export async function expectStory(site: Site, instance: Instance, story: Story, limitMs = 60_000): Promise<void> {
  let last: Survey | undefined;
  const surveyed = async () => {
    last = await survey(site, instance);
    return isDeepStrictEqual(last, surveyOf(instance, story, last)) || undefined;
  };
  await eventually(surveyed, limitMs, 100).catch((error: unknown) => {
    expect(last).toEqual(last && surveyOf(instance, story, last));
    throw error;
  });
}

function surveyOf({ serviceId, hasSchema }: Instance, { attempts, unregistered = false, tags = [] }: Story, seen: Survey): Survey {
  const made = attempts.filter(({ state }) => state === "COMPLETED").map(({ id }) => id);
  const active = unregistered ? undefined : made.at(-1);
  const stateOf = (id: string) => (unregistered ? "UNREGISTERED" : id === active ? "ACTIVE" : "SUPERSEDED");
  const entry = active === undefined ? [] : [serviceId];
  return {
    attempts: attempts.map(({ id, state }) => `${id} ${state === "HELD" ? "COMPLETED" : state}`),
    registrations: made.map((id) => `${id} ${stateOf(id)}`),
    schema: active !== undefined && hasSchema ? "ENABLED/ENABLED" : "none",
    held: seen.held && { entries: entry, checks: entry.map((of) => ({ of, status: "passing" })) },
    discovered: seen.discovered && (active === undefined ? [] : [{ attemptId: active, tags }]),
    outbox: [...made.map(() => "Registered published"), ...(unregistered ? ["Unregistered published"] : [])],
    delivered: "as recorded",
    registeredBy: made,
    openTasks: 0,
  };
}
