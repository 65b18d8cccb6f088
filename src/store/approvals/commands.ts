/** Commands that were answered, by which a repetition is answered. */
import type { CommandRepository } from "../../approvals/records.ts";
import { DomainError } from "../../kernel/errors.ts";
import { fromNow, type Session } from "../engine/dialect.ts";
import type { ApprovalTables } from "./tables.ts";

export function commandRepository({ db, dialect }: Session<ApprovalTables>): CommandRepository {
  return {
    async find(key) {
      const row = await db.selectFrom("approval_commands").selectAll().where("command_key", "=", key).executeTakeFirst();
      return row && { contentHash: row.content_hash, approvalId: row.approval_id };
    },

    async insert(key, { contentHash, approvalId }) {
      try {
        await db
          .insertInto("approval_commands")
          .values({ command_key: key, content_hash: contentHash, approval_id: approvalId, created_at: dialect.now() })
          .execute();
      } catch (error) {
        if (!dialect.isDuplicate(error)) throw error;
        throw new DomainError({
          kind: "conflict",
          reason: "COMMAND_ID_REUSED",
          message: "the same command is being carried out",
          isLasting: false,
          cause: error,
        });
      }
    },

    async prune(ageMs, limit) {
      const old = await db.selectFrom("approval_commands").select("command_key").where("created_at", "<", fromNow(dialect, -ageMs)).limit(limit).execute();
      if (old.length > 0)
        await db
          .deleteFrom("approval_commands")
          .where(
            "command_key",
            "in",
            old.map((row) => row.command_key),
          )
          .execute();
      return old.length;
    },
  };
}
