/**
 * The floor of approvals: the same rows in the same transactions, with the same drivers and nothing else: no server, no checks, no
 * reads but the row that is locked. What is written is made before it is timed.
 */
import { DatabaseSync } from "node:sqlite";
import { createPool } from "mysql2/promise";
import { chained } from "../src/kernel/audit.ts";
import { canonicalJson, sha256 } from "../src/kernel/canonical-json.ts";
import { selectorsOf } from "../src/approvals/inbox.ts";
import { evolve } from "../src/approvals/evolve.ts";
import { open, vote } from "../src/approvals/machine.ts";
import { newsOf } from "../src/approvals/request-news.ts";
import { isOpen, type Approval, type ApprovalEvent } from "../src/approvals/request.ts";
import { tickTask } from "../src/approvals/tick-task.ts";
import type { Person, Policy } from "../src/approvals/types.ts";

export type Statement = readonly [sql: string, values: readonly (string | number | null)[]];

/** One transaction after the other of a request: its creation, and its votes. */
export interface Script {
  readonly id: string;
  readonly steps: readonly (readonly Statement[])[];
}

export interface FloorDatabase extends AsyncDisposable {
  run(statements: readonly Statement[]): Promise<void>;
}

export function mysqlFloor(url: string, connections: number): FloorDatabase {
  const pool = createPool({ uri: url, connectionLimit: connections, maxIdle: connections });
  return {
    async run(statements) {
      const connection = await pool.getConnection();
      try {
        await connection.query("begin");
        for (const [sql, values] of statements) await connection.execute(sql, [...values]);
        await connection.query("commit");
      } finally {
        connection.release();
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

export function sqliteFloor(path: string): FloorDatabase {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = full");
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const statement = (sql: string) => prepared.get(sql) ?? prepared.set(sql, database.prepare(sql)).get(sql);
  return {
    run(statements) {
      database.exec("begin immediate");
      for (const [sql, values] of statements) {
        const one = statement(sql.replace(" for update", ""));
        if (sql.startsWith("select")) one?.all(...values);
        else one?.run(...values);
      }
      database.exec("commit");
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
  };
}

/** What is written for a request that voters decide, one after the other. */
export function scriptOf(id: string, policy: Policy, requester: Person, voters: readonly Person[], ids: () => string): Script {
  const world = { now: Date.now(), directory: undefined, standIns: [] };
  const subject = { type: "document", id, digest: "d" };
  const created = open({ id, tenant: "default", subject, context: {}, requester }, policy, world);
  const steps: Statement[][] = [insertion(created.approval, created.events, ids)];
  let approval = created.approval;
  let lastHash = hashes(id, created.events, "").at(-1)?.hash ?? "";
  for (const voter of voters) {
    const answer = vote(approval, { voter, verdict: "approve", digest: "d", comment: "" }, policy, world);
    if ("refusal" in answer) throw new Error(answer.message);
    steps.push(change(approval, answer.approval, answer.events, lastHash, ids));
    lastHash = hashes(id, answer.events, lastHash).at(-1)?.hash ?? lastHash;
    approval = answer.approval;
  }
  return { id, steps };
}

function insert(table: string, rows: readonly Readonly<Record<string, string | number | null>>[]): Statement[] {
  const [first] = rows;
  if (!first) return [];
  const columns = Object.keys(first);
  const places = `(${columns.map(() => "?").join(", ")})`;
  return [
    [
      `insert into ${table} (${columns.join(", ")}) values ${rows.map(() => places).join(", ")}`,
      rows.flatMap((row) => columns.map((column) => row[column] ?? null)),
    ],
  ];
}

function insertion(approval: Approval, events: readonly ApprovalEvent[], ids: () => string): Statement[] {
  const chain = hashes(approval.id, events, "");
  const { id, tenant, subject, policy, openedAt } = approval;
  const key = sha256(canonicalJson([tenant, subject.type, subject.id]));
  const row = {
    id,
    tenant,
    policy_key: policy.key,
    subject_type: subject.type,
    subject_id: subject.id,
    subject_key: key,
    opened_at: openedAt,
    ...columnsOf(approval, key),
    last_hash: chain.at(-1)?.hash ?? "",
  };
  const task = {
    id: ids(),
    kind: tickTask.kind,
    payload: JSON.stringify({ tenant, approvalId: id }),
    attempts: 0,
    due_at: approval.expiresAt,
    last_error: null,
    created_at: openedAt,
  };
  return [
    ...insert("approval_requests", [row]),
    ...insert("approval_events", chain),
    ...inbox(approval),
    ...outbox(undefined, events, ids),
    ...insert("tasks", [task]),
  ];
}

function change(before: Approval, after: Approval, events: readonly ApprovalEvent[], lastHash: string, ids: () => string): Statement[] {
  const chain = hashes(after.id, events, lastHash);
  const key = sha256(canonicalJson([after.tenant, after.subject.type, after.subject.id]));
  const columns = { ...columnsOf(after, key), last_hash: chain.at(-1)?.hash ?? lastHash };
  const set = Object.keys(columns).map((column) => `${column} = ?`);
  return [
    ["select document, resolved_version, last_hash from approval_requests where id = ? for update", [after.id]],
    [`update approval_requests set ${set.join(", ")} where id = ? and sequence = ?`, [...Object.values(columns), after.id, before.sequence]],
    ...insert("approval_events", chain),
    ["delete from approval_inbox where approval_id = ?", [after.id]],
    ...inbox(after),
    ...outbox(before, events, ids),
  ];
}

function columnsOf(approval: Approval, key: string) {
  const { policy, decision, grant, effect, subject, sequence, expiresAt } = approval;
  return {
    policy_version: policy.version,
    open_key: isOpen(approval) ? key : null,
    decision,
    grant_state: grant,
    effect,
    digest: subject.digest,
    sequence,
    resolved_version: 0,
    expires_at: expiresAt,
    document: JSON.stringify(approval),
  };
}

function hashes(id: string, events: readonly ApprovalEvent[], lastHash: string) {
  let last = lastHash;
  return events.map(({ sequence, type, at, actor, ...rest }) => {
    const body = canonicalJson(rest);
    const entry = { subject: { kind: "approval", id }, at, actor, action: type, detail: { event: body } };
    const { previousHash, hash } = chained(entry, { sequence: sequence - 1, hash: last });
    last = hash;
    return { approval_id: id, sequence, type, at, actor, body, previous_hash: previousHash, hash };
  });
}

function inbox(approval: Approval): Statement[] {
  const { tenant, openedAt, id } = approval;
  return insert(
    "approval_inbox",
    selectorsOf(approval).map((selector) => ({ tenant, selector, opened_at: openedAt, approval_id: id })),
  );
}

function outbox(before: Approval | undefined, events: readonly ApprovalEvent[], ids: () => string): Statement[] {
  let state = before;
  const rows = events.flatMap((event) => {
    state = evolve(state, event);
    const payload = newsOf(event, state);
    if (!payload) return [];
    const row = { id: ids(), event_key: state.id, payload: JSON.stringify(payload), occurred_at: event.at, traceparent: null };
    return [{ ...row, subject_kind: "approval", subject_id: state.id, type: payload.type }];
  });
  return insert("outbox", rows);
}
