/**
 * The gate: one row that says whether it is on, and the admissions.
 *
 * Guarantees: who has read the row goes on before anybody moves it, and who moves it waits for those; so that no registration
 * becomes active by an answer from before the gate was turned on, or from before an admission was taken back.
 */
import type { Admission, GateRepository } from "../../registration/gate/gate-records.ts";
import { forShare, type Session } from "../engine/dialect.ts";
import { write } from "../engine/writes.ts";
import type { AdmissionTable, RegistrationTables } from "./tables.ts";

const only = 1;
/** As many as a statement has room for. */
const atOnce = 200;

export function gateRepository({ db, dialect }: Session<RegistrationTables>): GateRepository {
  return {
    async state() {
      const row = await forShare(dialect, db.selectFrom("registration_gate").select(["epoch", "is_on"]).where("id", "=", only)).executeTakeFirstOrThrow();
      return { epoch: row.epoch, isOn: row.is_on === 1 };
    },

    async move(isOn) {
      const moving = db.updateTable("registration_gate").where("id", "=", only);
      await moving.set((eb) => ({ epoch: eb("epoch", "+", 1), ...(isOn === undefined ? {} : { is_on: isOn ? 1 : 0 }) })).execute();
    },

    async admissions(subjectId) {
      return (await db.selectFrom("admissions").selectAll().where("subject_id", "=", subjectId).execute()).map(fromRow);
    },

    async admit(...admissions) {
      for (let from = 0; from < admissions.length; from += atOnce) {
        await write(
          db,
          db
            .insertInto("admissions")
            .values(admissions.slice(from, from + atOnce).map(toRow))
            .compile(),
        );
      }
    },

    async removeAdmissions(ids) {
      for (let from = 0; from < ids.length; from += atOnce) {
        await write(
          db,
          db
            .deleteFrom("admissions")
            .where("id", "in", ids.slice(from, from + atOnce))
            .compile(),
        );
      }
    },
  };
}

function toRow({ id, subjectId, digest, reads, policyVersion, way, approvalId }: Admission): AdmissionTable {
  return {
    id,
    subject_id: subjectId,
    digest,
    read_names: reads ? JSON.stringify(reads) : null,
    policy_version: policyVersion,
    way: way ?? null,
    approval_id: approvalId ?? null,
  };
}

function fromRow(row: AdmissionTable): Admission {
  return {
    id: row.id,
    subjectId: row.subject_id,
    digest: row.digest,
    reads: row.read_names === null ? undefined : (JSON.parse(row.read_names) as readonly string[]),
    policyVersion: row.policy_version,
    way: row.way ?? undefined,
    approvalId: row.approval_id ?? undefined,
  };
}
