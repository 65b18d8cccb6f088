import { describe, expect, test } from "vitest";
import { close, dueAt, join, refresh, reportEffect, revise, tick, type CloseCommand } from "../../src/approvals/machine.ts";
import type { Approval, Effect } from "../../src/approvals/request.ts";
import { simulate } from "../../src/approvals/simulate.ts";
import type { TimedAction } from "../../src/approvals/types.ts";
import { after, ask, boss, cast, eventOf, frozen, hour, made, member, policy, requirement, stage, t0, typesOf, who, world } from "./cases.ts";

const [alice, bob] = [member("alice", "group:sre"), member("bob", "group:sre")];
const here = world([alice, bob, member("boss"), member("lead")]);
const at = (ms: number) => ({ ...here, now: t0 + ms });
const one = policy();
const granted = policy({ effect: { auto: true, grantTtlMs: 24 * hour } });
const approved = after(ask(granted, here).approval, [[alice]], granted, here);

describe("timers", () => {
  const timed = (...actions: readonly TimedAction[]) => policy({ stages: [stage("review", [requirement("team")], { after: actions })] });
  const lead = who("id|lead");
  const all = timed({ afterMs: 3 * hour, do: "reject" }, { afterMs: hour, do: "remind" }, { afterMs: 2 * hour, do: "escalate", to: lead });

  test("act in their order, each at its time and once", () => {
    let { approval } = ask(all, here);
    expect(dueAt(approval)).toBe(t0 + hour);
    expect(tick(approval, all, at(hour - 1)).events).toEqual([]);
    const reminded = tick(approval, all, at(hour));
    expect(reminded.events).toMatchObject([{ type: "reminded", stage: "review", action: 1, actor: "timer", at: t0 + hour }]);
    expect(tick(reminded.approval, all, at(hour)).events).toEqual([]);
    approval = reminded.approval;
    expect(dueAt(approval)).toBe(t0 + 2 * hour);
    const escalated = tick(approval, all, at(2 * hour));
    expect(typesOf(escalated.events)).toEqual(["escalated", "approvers_resolved"]);
    expect(eventOf(escalated.events, "escalated")).toMatchObject({ action: 2, to: lead, actor: "timer" });
    expect(after(escalated.approval, [[member("lead")]], all, at(2 * hour)).decision).toBe("APPROVED");
    const rejected = tick(escalated.approval, all, at(3 * hour));
    expect(rejected.approval).toMatchObject({ decision: "REJECTED", outcome: { by: "timer", reason: "nobody completed stage review in time" } });
    expect(tick(rejected.approval, all, at(4 * hour)).events).toEqual([]);
    expect(dueAt(rejected.approval)).toBeUndefined();
  });

  test("that were missed act together, in the order of their times", () => {
    const { events } = tick(ask(all, here).approval, all, at(50 * hour));
    expect(typesOf(events)).toEqual(["reminded", "escalated", "approvers_resolved", "request_rejected"]);
  });

  test("that were missed act before the expiry that was missed too, where they were due before it", () => {
    const soon = (ttlMs: number) => ({ ...all, document: { ...all.document, ttlMs, onExpire: "approve" as const } });
    const late = (ttlMs: number) => tick(ask(soon(ttlMs), here).approval, soon(ttlMs), at(50 * hour));
    expect(typesOf(late(3 * hour + 1).events)).toEqual(["reminded", "escalated", "approvers_resolved", "request_rejected"]);
    expect(late(3 * hour + 1).approval.outcome).toMatchObject({ by: "timer", reason: "nobody completed stage review in time" });
    // What was due with the expiry, or after it, does not act any more.
    expect(typesOf(late(3 * hour).events)).toEqual(["reminded", "escalated", "approvers_resolved", "request_approved"]);
    expect(typesOf(late(hour).events)).toEqual(["request_approved"]);
  });

  test("of one time act in the order of the policy", () => {
    const by = timed({ afterMs: hour, do: "escalate", to: lead }, { afterMs: hour, do: "remind" });
    expect(typesOf(tick(ask(by, here).approval, by, at(hour)).events)).toEqual(["escalated", "approvers_resolved", "reminded"]);
  });

  test("run from when their own stage became active", () => {
    const reminders = { after: [{ afterMs: hour, do: "remind" as const }] };
    const by = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who("id|bob") })], reminders)] });
    const { approval } = ask(by, here);
    expect(dueAt(approval)).toBe(t0 + 100 * hour);
    const second = made(cast(approval, alice, by, at(5 * hour))).approval;
    expect(dueAt(second)).toBe(t0 + 6 * hour);
  });

  test.each([
    ["expire", "EXPIRED", "nobody decided in time"],
    ["reject", "REJECTED", "nobody decided in time"],
    ["approve", "APPROVED", "nobody decided in time, and the policy approves then"],
  ] as const)("end a request that nobody decides: %s", (onExpire, decision, reason) => {
    const by = { ...granted, document: { ...granted.document, onExpire } };
    const { approval } = ask(by, here);
    expect(tick(approval, by, at(100 * hour - 1)).events).toEqual([]);
    const ended = tick(approval, by, at(100 * hour));
    expect(ended.events).toHaveLength(1);
    expect(ended.approval).toMatchObject({ decision, outcome: { by: "timer", reason, at: t0 + 100 * hour }, stages: [{ status: "CLOSED" }] });
    expect(ended.approval.grant).toBe(onExpire === "approve" ? "VALID" : "NONE");
  });
});

describe("a grant", () => {
  test("ends when it is not used in time, and never where the policy says no time", () => {
    expect(approved).toMatchObject({ grant: "VALID", grantUntil: t0 + 24 * hour });
    expect(dueAt(approved)).toBe(t0 + 24 * hour);
    expect(tick(approved, granted, at(24 * hour - 1)).events).toEqual([]);
    const late = tick(approved, granted, at(24 * hour));
    expect(late.events).toMatchObject([{ type: "grant_changed", grant: "EXPIRED", actor: "timer", reason: "the approval was not used in time" }]);
    expect(dueAt(late.approval)).toBeUndefined();
    expect(tick(late.approval, granted, at(25 * hour)).events).toEqual([]);
    const forever = after(ask(one, here).approval, [[alice]], one, here);
    expect(forever).not.toHaveProperty("grantUntil");
    expect(dueAt(forever)).toBeUndefined();
    expect(tick(forever, one, at(10_000 * hour)).events).toEqual([]);
  });

  const report = (approval: Approval, effect: Exclude<Effect, "NONE">, ms = 0) =>
    reportEffect(approval, { effect, by: "muster", detail: "d" }, granted, at(ms));
  const through = (...effects: readonly Exclude<Effect, "NONE">[]) => effects.reduce((approval, effect) => made(report(approval, effect)).approval, approved);

  test("is used up by an effect that was applied", () => {
    const { approval, events } = made(report(through("RUNNING"), "APPLIED"));
    expect(events).toMatchObject([
      { type: "effect_changed", effect: "APPLIED", detail: "d", actor: "muster" },
      { type: "grant_changed", grant: "USED", reason: "d" },
    ]);
    expect(approval).toMatchObject({ effect: "APPLIED", grant: "USED", decision: "APPROVED" });
    expect(report(approval, "READY")).toEqual({ refusal: "WRONG_STATE", message: "the request is APPROVED, its grant USED" });
  });

  const allowed: Readonly<Record<string, readonly string[]>> = {
    READY: ["RUNNING"],
    RUNNING: ["APPLIED", "FAILED", "UNKNOWN"],
    UNKNOWN: ["APPLIED", "FAILED"],
    FAILED: ["READY"],
  };
  const paths: Readonly<Record<string, readonly Exclude<Effect, "NONE">[]>> = {
    READY: [],
    RUNNING: ["RUNNING"],
    UNKNOWN: ["RUNNING", "UNKNOWN"],
    FAILED: ["RUNNING", "FAILED"],
  };

  test.each(Object.keys(paths))("has an effect that goes on only as it can, from %s", (from) => {
    const approval = through(...(paths[from] ?? []));
    for (const effect of ["READY", "RUNNING", "APPLIED", "FAILED", "UNKNOWN"] as const) {
      const answer = report(approval, effect);
      if (allowed[from]?.includes(effect)) expect(made(answer).approval.effect).toBe(effect);
      else expect(answer).toEqual({ refusal: "WRONG_STATE", message: `the effect is ${from}: it cannot become ${effect}` });
    }
  });

  test("has an effect only when somebody makes it ready, where the policy has none of its own", () => {
    const manual = policy({ effect: { auto: false } });
    const done = after(ask(manual, here).approval, [[alice]], manual, here);
    expect(done.effect).toBe("NONE");
    expect(reportEffect(done, { effect: "RUNNING", by: "m", detail: "" }, manual, here)).toMatchObject({ refusal: "WRONG_STATE" });
    expect(made(reportEffect(done, { effect: "READY", by: "m", detail: "" }, manual, here)).approval.effect).toBe("READY");
  });

  test("does not end while its effect is under way, and none begins after its time", () => {
    for (const effects of [["RUNNING"], ["RUNNING", "UNKNOWN"]] as const) {
      const running = through(...effects);
      expect(dueAt(running)).toBeUndefined();
      expect(tick(running, granted, at(30 * hour)).events).toEqual([]);
      expect(made(report(running, "APPLIED", 30 * hour)).approval.grant).toBe("USED");
    }
    expect(report(approved, "RUNNING", 24 * hour)).toEqual({ refusal: "WRONG_STATE", message: "the grant has expired" });
    expect(report(approved, "RUNNING", 24 * hour - 1)).not.toHaveProperty("refusal");
    expect(tick(through("RUNNING", "FAILED"), granted, at(24 * hour)).approval.grant).toBe("EXPIRED");
  });

  test("has no effect before the request is approved", () => {
    expect(reportEffect(ask(one, here).approval, { effect: "RUNNING", by: "m", detail: "" }, one, here)).toEqual({
      refusal: "WRONG_STATE",
      message: "the request is IN_REVIEW, its grant NONE",
    });
  });

  const revoke = { by: boss, isAdmin: false, how: "revoke", reason: "a mistake" } as const;

  test("is revoked before its effect begins, by who asked or an admin", () => {
    const { approval, events } = made(close(approved, revoke, granted, here));
    expect(events).toMatchObject([{ type: "grant_changed", grant: "REVOKED", reason: "a mistake", actor: "id|boss" }]);
    expect(approval).toMatchObject({ decision: "APPROVED", grant: "REVOKED" });
    expect(report(approval, "RUNNING")).toMatchObject({ refusal: "WRONG_STATE" });
    expect(dueAt(approval)).toBeUndefined();
    expect(close(approval, revoke, granted, here)).toMatchObject({ message: "there is no valid grant to revoke: it is REVOKED" });
    expect(close(approved, { ...revoke, by: bob, isAdmin: true }, granted, here)).not.toHaveProperty("refusal");
    expect(close(approved, { ...revoke, by: bob }, granted, here)).toMatchObject({
      refusal: "NOT_OWNER",
      message: "bob may not revoke this request: only whoever opened it may, and admins",
    });
    expect(close(through("RUNNING", "FAILED"), revoke, granted, here)).not.toHaveProperty("refusal");
  });

  test("is not revoked once its effect is under way or applied", () => {
    expect(close(through("RUNNING"), revoke, granted, here)).toEqual({ refusal: "WRONG_STATE", message: "the effect is RUNNING: it can no longer be revoked" });
    expect(close(through("RUNNING", "UNKNOWN"), revoke, granted, here)).toMatchObject({ message: "the effect is UNKNOWN: it can no longer be revoked" });
    expect(close(through("RUNNING", "APPLIED"), revoke, granted, here)).toEqual({
      refusal: "WRONG_STATE",
      message: "there is no valid grant to revoke: it is USED; what was applied is undone by a request of its own",
    });
    expect(close(ask(one, here).approval, revoke, one, here)).toMatchObject({ message: "there is no valid grant to revoke: it is NONE" });
  });
});

describe("a request is closed", () => {
  const { approval } = ask(one, here);
  const command: CloseCommand = { by: boss, isAdmin: false, how: "withdrawn", reason: "no longer" };

  test("by who asked, who withdraws it", () => {
    const closed = made(close(approval, command, one, here));
    expect(closed.events).toMatchObject([{ type: "request_cancelled", closing: "withdrawn", actor: "id|boss" }]);
    expect(closed.approval).toMatchObject({
      decision: "CANCELLED",
      closing: "withdrawn",
      outcome: { by: "id|boss", reason: "no longer" },
      stages: [{ status: "CLOSED" }],
    });
    expect(cast(closed.approval, alice, one, here)).toMatchObject({ message: "the request is CANCELLED (withdrawn), by boss" });
    expect(close(closed.approval, command, one, here)).toMatchObject({ refusal: "REQUEST_CLOSED" });
    expect(refresh(closed.approval, one, world([])).events).toEqual([]);
  });

  test.each(["withdrawn", "cancelled", "superseded", "subject_gone"] as const)("by an admin in every way, by others in none: %s", (how) => {
    expect(made(close(approval, { ...command, by: bob, isAdmin: true, how }, one, here)).approval).toMatchObject({ decision: "CANCELLED", closing: how });
    expect(close(approval, { ...command, by: bob, how }, one, here)).toMatchObject({
      refusal: "NOT_OWNER",
      message: "bob may not close this request: only whoever opened it may, and admins",
    });
    if (how !== "withdrawn") expect(close(approval, { ...command, how }, one, here)).toMatchObject({ refusal: "NOT_OWNER" });
  });

  test("and not when it is decided, or has expired", () => {
    expect(close(approved, command, one, here)).toMatchObject({ refusal: "REQUEST_CLOSED", message: "the request is APPROVED, by alice" });
    expect(close(approval, command, one, at(100 * hour))).toMatchObject({ refusal: "REQUEST_CLOSED", message: "the request has expired" });
    expect(close(approval, command, one, at(100 * hour - 1))).not.toHaveProperty("refusal");
  });

  test("by nobody who only asked for the same: anybody could", () => {
    const joined = made(join(approval, bob, one, here)).approval;
    for (const how of ["withdrawn", "cancelled"] as const)
      expect(close(joined, { ...command, by: bob, how }, one, here)).toMatchObject({ refusal: "NOT_OWNER" });
    expect(revise(joined, { author: bob, digest: "bb", context: {} }, one, here)).toMatchObject({ refusal: "NOT_OWNER" });
    const done = after(joined, [[alice]], one, here);
    expect(close(done, { ...command, by: bob, how: "revoke" }, one, here)).toMatchObject({ refusal: "NOT_OWNER" });
    expect(close(done, { ...command, how: "revoke" }, one, here)).not.toHaveProperty("refusal");
  });

  test("and goes on when who asked for it has left", () => {
    const left = world([alice, bob]);
    expect(after(refresh(approval, one, left).approval, [[alice]], one, left).decision).toBe("APPROVED");
  });
});

describe("a simulation", () => {
  const by = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who("id|bob") })])] });
  const command = { id: "r1", tenant: "default", subject: { type: "release", id: "shop@1", digest: "aa" }, context: { size: 1 }, requester: boss };
  const ballot = (voter: typeof boss, verdict: "approve" | "reject" = "approve") => ({ voter, verdict, comment: "" });

  test("is what the commands make, vote by vote, with the refusals in their places", () => {
    frozen([command, here, by.document]);
    const simulated = simulate(command, [ballot(boss), ballot(alice), ballot(bob)], by, here);
    expect(simulated.votes).toMatchObject([{ refusal: "SOD_REQUESTER" }, undefined, undefined]);
    expect(simulated.approval).toEqual(after(ask(by, here).approval, [[alice], [bob]], by, here));
    expect(simulated.events.map(({ sequence }) => sequence)).toEqual(simulated.events.map((_, i) => i + 1));
    expect(simulated.explanation.summary).toContain("The request is APPROVED by bob");
  });

  test("without votes is the request as it would be", () => {
    const { approval, events } = ask(by, here);
    expect(simulate(command, [], by, here)).toMatchObject({ approval, events, votes: [], explanation: { stage: "first" } });
  });
});
