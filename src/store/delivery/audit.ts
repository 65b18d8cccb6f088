/** Audit chains. Two transactions that append to one chain at once take the same sequence; the second runs again. */
import { canonicalJson } from "../../kernel/canonical-json.ts";
import { chained, subjectText, type AuditRow, type Audit } from "../../kernel/audit.ts";
import type { Session } from "../engine/dialect.ts";
import { insertRows } from "../engine/writes.ts";
import type { DeliveryTables } from "./tables.ts";

export function auditRepository({ db }: Session<DeliveryTables>): Audit {
  return {
    async append(entry) {
      const last = await db
        .selectFrom("audit")
        .select(["sequence", "hash"])
        .where("subject", "=", subjectText(entry.subject))
        .orderBy("sequence", "desc")
        .limit(1)
        .executeTakeFirst();
      const { detail, previousHash, ...row } = chained(entry, last);
      await insertRows(db, "audit", [{ ...row, subject: subjectText(entry.subject), detail: canonicalJson(detail), previous_hash: previousHash }]);
    },

    async list(subject) {
      const rows = await db.selectFrom("audit").selectAll().where("subject", "=", subjectText(subject)).orderBy("sequence").execute();
      return rows.map(({ position: _position, detail, previous_hash, ...row }): AuditRow => ({
        ...row,
        subject,
        detail: JSON.parse(detail) as AuditRow["detail"],
        previousHash: previous_hash,
      }));
    },
  };
}
