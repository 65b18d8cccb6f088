/** Registrations. At most one is ACTIVE for a service id, by a unique key. */
import { sql } from "kysely";
import type { Registration, RegistrationRepository } from "../../registration/records.ts";
import { checkKeyOf, nameKeyOf } from "../../registration/keys.ts";
import type { RegisterInput } from "../../registration/types.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { RegistrationTable, RegistrationTables } from "./tables.ts";

export function registrationRepository({ db, dialect }: Session<RegistrationTables>): RegistrationRepository {
  return {
    async insert(registration) {
      await db.insertInto("registrations").values(toRow(registration)).execute();
    },

    async find(id) {
      const row = await db.selectFrom("registrations").selectAll().where("id", "=", id).executeTakeFirst();
      return row && fromRow(row);
    },

    async findAll(ids) {
      if (ids.length === 0) return [];
      const rows = await db.selectFrom("registrations").selectAll().where("id", "in", ids).execute();
      return rows.map(fromRow);
    },

    async findActive(serviceId) {
      const row = await db.selectFrom("registrations").selectAll().where("active_key", "=", serviceId).executeTakeFirst();
      return row && fromRow(row);
    },

    async activeAt(checkKey) {
      const rows = await db
        .selectFrom("registrations")
        .selectAll()
        .where("check_key", "=", checkKey)
        .where("active_key", "is not", null)
        .orderBy("id")
        .execute();
      return rows.map(fromRow);
    },

    async findSettled(idKeys) {
      if (idKeys.length === 0) return [];
      return db
        .selectFrom("registrations as r")
        .innerJoin("instances as i", "i.service_id", "r.active_key")
        .innerJoin("service_names as n", "n.name_key", "r.name_key")
        .leftJoin("attempts as a", "a.live_key", "r.active_key")
        .leftJoin("asks as w", "w.service_id", "r.active_key")
        .select(["r.id as id", "r.service_id as serviceId", "r.request_hash as requestHash", "r.address as address", "n.owner as owner"])
        .where("i.id_key", "in", idKeys)
        .where("a.live_key", "is", null)
        .where("w.service_id", "is", null)
        .execute();
    },

    async liveVersions(name) {
      const rows = await db
        .selectFrom("registrations as r")
        .leftJoin("schema_versions as s", (on) =>
          on.onRef("s.artifact_id", "=", "r.schema_artifact_id").onRef("s.version", "=", (eb) => eb.fn.coalesce("r.schema_version", "r.version")),
        )
        .select(["r.version as version", "s.sha256 as sha256"])
        .distinct()
        .where("r.name_key", "=", nameKeyOf(name))
        .where("r.state", "=", "ACTIVE")
        .execute();
      return rows.map(({ version, sha256 }) => ({ version, schemaSha256: sha256 ?? undefined }));
    },

    async hadOtherVersion(name, version) {
      const others = db.selectFrom("registrations").select("id").where("name_key", "=", nameKeyOf(name)).where("version", "!=", version);
      return (await others.where("state", "!=", "PENDING").limit(1).executeTakeFirst()) !== undefined;
    },

    async listActive(afterId, limit) {
      const rows = await db
        .selectFrom("registrations")
        .selectAll()
        .where("active_key", "is not", null)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(fromRow);
    },

    async setState(id, state, at) {
      await db
        .updateTable("registrations")
        .set({ state, updated_at: at, ...(state === "ACTIVE" ? { registered_at: at, active_key: sql<string>`service_id` } : { active_key: null }) })
        .where("id", "=", id)
        .execute();
    },

    async setHealthService(id, service) {
      await db.updateTable("registrations").set({ health_service: service }).where("id", "=", id).execute();
    },

    async deletePending(id) {
      await db.deleteFrom("registrations").where("id", "=", id).where("state", "=", "PENDING").execute();
    },

    async setTags(id, tags, at) {
      await db
        .updateTable("registrations")
        .set({ desired_tags: JSON.stringify(tags), updated_at: at })
        .where("id", "=", id)
        .execute();
    },

    async endAll(serviceId, at) {
      const states = ["ACTIVE", "SUPERSEDED"] as const;
      const ending = db.selectFrom("registrations").selectAll().where("service_id", "=", serviceId).where("state", "in", states);
      const rows = await forUpdate(dialect, ending).execute();
      // By the same condition: the ids may be more than a statement has room for.
      const ended = { state: "UNREGISTERED", updated_at: at, active_key: null } as const;
      if (rows.length > 0) await db.updateTable("registrations").set(ended).where("service_id", "=", serviceId).where("state", "in", states).execute();
      return rows.map((row) => fromRow({ ...row, state: "UNREGISTERED", updated_at: at }));
    },

    async countUsing(artifactId, version, exceptId) {
      let query = db
        .selectFrom("registrations")
        .select((eb) => eb.fn.countAll<number>().as("count"))
        .where("schema_artifact_id", "=", artifactId)
        .where("state", "in", ["PENDING", "ACTIVE", "SUPERSEDED"])
        .where(sql<string>`coalesce(schema_version, version)`, "=", version);
      if (exceptId !== undefined) query = query.where("id", "!=", exceptId);
      return (await query.executeTakeFirstOrThrow()).count;
    },
  };
}

function toRow(registration: Registration): RegistrationTable {
  return {
    id: registration.id,
    service_id: registration.serviceId,
    name: registration.name,
    host: registration.host,
    port: registration.port,
    type: registration.type,
    version: registration.version,
    state: registration.state,
    request: JSON.stringify(registration.request),
    desired_tags: registration.desiredTags ? JSON.stringify(registration.desiredTags) : null,
    request_hash: registration.requestHash,
    address: registration.address,
    check_key: checkKeyOf(registration.request, registration.address),
    health_service: registration.healthService ?? null,
    schema_artifact_id: registration.schema?.artifactId ?? null,
    schema_version: registration.schema?.version ?? null,
    description: registration.description ?? null,
    actor: registration.actor,
    registered_at: registration.registeredAt,
    updated_at: registration.updatedAt,
    active_key: registration.state === "ACTIVE" ? registration.serviceId : null,
    name_key: nameKeyOf(registration.name),
  };
}

/** The column as it was before `desired_tags`: `tags` were the desired ones where there are `requestedTags`. */
type StoredRequest = RegisterInput & { readonly requestedTags?: readonly string[] };

function requestFromRow(row: RegistrationTable): Pick<Registration, "request" | "desiredTags"> {
  const { requestedTags, ...stored } = JSON.parse(row.request) as StoredRequest;
  const desiredTags = row.desired_tags === null ? requestedTags && stored.tags : (JSON.parse(row.desired_tags) as readonly string[]);
  return { request: requestedTags ? { ...stored, tags: requestedTags } : stored, ...(desiredTags ? { desiredTags } : {}) };
}

function fromRow(row: RegistrationTable): Registration {
  return {
    id: row.id,
    serviceId: row.service_id,
    name: row.name,
    host: row.host,
    port: row.port,
    type: row.type,
    version: row.version,
    state: row.state,
    ...requestFromRow(row),
    requestHash: row.request_hash,
    address: row.address,
    ...(row.health_service === null ? {} : { healthService: row.health_service }),
    schema: row.schema_artifact_id === null ? undefined : { artifactId: row.schema_artifact_id, version: row.schema_version ?? row.version },
    description: row.description ?? undefined,
    actor: row.actor,
    registeredAt: row.registered_at,
    updatedAt: row.updated_at,
  };
}
