/** Reading requests: one, pages of all, and the inbox. Reads compute and never write. */
import { notFound, type Changed } from "./change.ts";
import type { Actor, ApprovalDeps } from "./deps.ts";
import { explain, type Explanation } from "./explain.ts";
import { selectorsFor } from "./inbox.ts";
import { dueAt, tick } from "./machine.ts";
import { mayVote, type MayVote, type Refusal } from "./may-vote.ts";
import type { ApprovalFilter, ApprovalTx, InboxRow } from "./records.ts";
import type { Approval } from "./request.ts";
import type { Policy } from "./types.ts";
import { readWorld, type ReadWorld } from "./world.ts";

/** A request as somebody sees it. */
export interface Seen {
  readonly approval: Approval;
  readonly policy: Policy;
  readonly may: MayVote | Refusal;
  /** The active version of its policy, when that is another one. */
  readonly newerVersion: number | undefined;
  readonly explanation?: Explanation;
}

/** Most inbox rows that are read for one page, and to which the inbox is counted. */
export const inboxScan = 1_000;
const batch = 100;

export function getApproval(deps: ApprovalDeps, id: string, actor: Actor, isExplained: boolean): Promise<Seen> {
  return deps.store.tx(async (tx) => {
    const approval = await tx.approvals.find(actor.tenant, id);
    if (!approval) throw notFound(id);
    const seen = await (await reader(tx, deps, actor)).see(approval);
    return isExplained ? { ...seen, explanation: explain(seen.now, seen.policy.document, seen.world) } : seen;
  });
}

/** A request that a command has just left, as its caller sees it, by what the command was judged by. */
export function seeChanged(
  { approval, policy, world }: Pick<Changed, "approval" | "policy" | "world">,
  { person }: Actor,
  activeVersion: number | undefined,
): Seen {
  const newerVersion = activeVersion === approval.policy.version ? undefined : activeVersion;
  return { approval, policy, newerVersion, may: mayVote(approval, policy.document, person, world) };
}

/** A request as a caller sees it. */
export async function seeIn(tx: ApprovalTx, deps: ApprovalDeps, approval: Approval, actor: Actor): Promise<Seen> {
  return (await reader(tx, deps, actor)).see(approval);
}

export interface Page {
  readonly items: readonly Seen[];
  /** Where the next page begins; undefined on the last. */
  readonly next: string | undefined;
}

export function listApprovals(deps: ApprovalDeps, filter: ApprovalFilter, actor: Actor): Promise<Page> {
  return deps.store.tx(async (tx) => {
    const found = await tx.approvals.list({ ...filter, limit: filter.limit + 1 });
    const page = found.slice(0, filter.limit);
    const read = await reader(tx, deps, actor);
    const items: Seen[] = [];
    for (const approval of page) items.push(await read.see(approval));
    return { items, next: found.length > filter.limit ? page.at(-1)?.id : undefined };
  });
}

export interface InboxPage {
  readonly items: readonly Seen[];
  readonly next: InboxRow | undefined;
}

/**
 * What the caller may decide now, latest first, by an order that nothing changes: so nothing is lost or doubled while others
 * decide. At most 1000 rows are read, so a page may be short and still have a next one.
 */
export function readInbox(
  deps: ApprovalDeps,
  actor: Actor,
  before: InboxRow | undefined,
  limit: number,
  fits: (approval: Approval) => boolean,
): Promise<InboxPage> {
  return deps.store.tx(async (tx) => {
    const read = await reader(tx, deps, actor);
    const items: Seen[] = [];
    let last = before;
    for (let scanned = 0; scanned < inboxScan;) {
      const rows = await read.inbox(last, batch);
      const found = new Map(
        (
          await tx.approvals.findAll(
            actor.tenant,
            rows.map(({ approvalId }) => approvalId),
          )
        ).map((approval) => [approval.id, approval]),
      );
      for (const row of rows) {
        last = row;
        scanned += 1;
        const approval = found.get(row.approvalId);
        const seen = approval && fits(approval) ? await read.see(approval) : undefined;
        // Whoever only has to log in again first is told so.
        if (seen && (!("refusal" in seen.may) || seen.may.refusal === "REAUTHENTICATION_NEEDED")) items.push(seen);
        if (items.length === limit) return { items, next: last };
      }
      if (rows.length < batch) return { items, next: undefined };
    }
    return { items, next: last };
  });
}

/** How many requests the caller may decide: exact up to 1000, of which at most 1000 rows are read. */
export async function countInbox(
  deps: ApprovalDeps,
  actor: Actor,
  fits: (approval: Approval) => boolean,
): Promise<{ readonly count: number; readonly isMore: boolean }> {
  const { items, next } = await readInbox(deps, actor, undefined, inboxScan, fits);
  if (next === undefined || items.length < inboxScan) return { count: items.length, isMore: next !== undefined };
  const rest = await readInbox(deps, actor, next, 1, fits);
  return { count: items.length, isMore: rest.items.length > 0 || rest.next !== undefined };
}

interface Reader {
  /** `now`: the request after what is due, which a command would find; by it the caller may vote or not. */
  see(approval: Approval): Promise<Seen & { readonly world: ReadWorld; readonly now: Approval }>;
  inbox(before: InboxRow | undefined, limit: number): Promise<readonly InboxRow[]>;
}

/** Reads of one caller in one transaction: policies and the world are read once for all requests. */
async function reader(tx: ApprovalTx, deps: ApprovalDeps, actor: Actor): Promise<Reader> {
  const instant = await tx.approvals.instant(actor.tenant);
  const remembered = <T>(load: (key: string) => Promise<T>) => {
    const known = new Map<string, Promise<T>>();
    return (key: string) => known.get(key) ?? (known.set(key, load(key)).get(key) as Promise<T>);
  };
  const worldOf = remembered((policyKey) => readWorld(tx, deps, actor.tenant, policyKey, instant));
  const activeOf = remembered((policyKey) => deps.policies.activeVersion(tx, actor.tenant, policyKey));
  return {
    async see(approval) {
      const { key, version } = approval.policy;
      const policy = await deps.policies.pinned(tx, approval.tenant, key, version);
      const world = await worldOf(key);
      const active = await activeOf(key);
      const newerVersion = active === version ? undefined : active;
      const now = (dueAt(approval) ?? Number.POSITIVE_INFINITY) > world.now ? approval : tick(approval, policy, world).approval;
      return { approval, now, policy, world, newerVersion, may: mayVote(now, policy.document, actor.person, world) };
    },
    async inbox(before, limit) {
      // Stand-ins of every policy: a selector is no right to vote.
      const all = await tx.standIns.list(actor.tenant, inboxScan);
      const selectors = selectorsFor(actor.person, { now: instant.now, directory: deps.directory(actor.tenant), standIns: all });
      const rows = new Map<string, InboxRow>();
      for (const selector of selectors) {
        for (const row of await tx.approvals.inbox({ tenant: actor.tenant, selector, before, limit })) rows.set(row.approvalId, row);
      }
      return [...rows.values()].toSorted((a, b) => b.openedAt - a.openedAt || (a.approvalId < b.approvalId ? 1 : -1)).slice(0, limit);
    },
  };
}
