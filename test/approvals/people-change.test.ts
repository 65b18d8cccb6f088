import { describe, expect, test } from "vitest";
import { eventText } from "../../src/approvals/event-text.ts";
import { fold } from "../../src/approvals/evolve.ts";
import { dueAt, join, refresh, tick } from "../../src/approvals/machine.ts";
import { isOpen, type ApprovalEvent } from "../../src/approvals/request.ts";
import type { PolicyDocument, Who } from "../../src/approvals/types.ts";
import { after, ask, boss, cast, eventOf, hour, made, member, person, policy, requirement, stage, standIn, t0, typesOf, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];
const here = world([alice, bob, carol, member("boss")]);
const twoStages = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who("id|bob") })])] });

describe("somebody asks too", () => {
  test("may not decide, and his vote no longer counts", () => {
    const by = policy({ stages: [stage("review", [requirement("a", { need: { count: 2 } })])] });
    const voted = after(ask(by, here).approval, [[alice]], by, here);
    const { approval, events } = made(join(voted, alice, by, here));
    expect(typesOf(events)).toEqual(["requester_joined", "approvers_resolved"]);
    expect(events[0]?.actor).toBe("id|alice");
    expect(cast(approval, alice, by, here)).toMatchObject({ refusal: "SOD_REQUESTER" });
    expect(after(approval, [[bob]], by, here).decision).toBe("IN_REVIEW");
    expect(after(approval, [[bob], [carol]], by, here).decision).toBe("APPROVED");
  });

  test("for somebody else: neither may decide, and a vote of either no longer counts", () => {
    const voted = after(ask(twoStages, here, { onBehalfOf: carol }).approval, [[alice]], twoStages, here);
    const { approval, events } = made(join(voted, person("bot"), twoStages, here, alice));
    expect(typesOf(events)).toEqual(["requester_joined", "requester_joined", "stage_started", "approvers_resolved"]);
    expect(events.slice(0, 2).map((event) => eventText(event, approval))).toEqual(["bot asked for the same", "bot asked for the same, for alice"]);
    for (const one of [alice, carol]) expect(cast(approval, one, twoStages, here)).toMatchObject({ refusal: "SOD_REQUESTER" });
    // Whom it was asked for already is not told of again.
    for (const one of [alice, carol]) expect(made(join(approval, person("bot"), twoStages, here, one)).events).toEqual([]);
    expect(typesOf(made(join(approval, carol, twoStages, here)).events)).toEqual(["requester_joined"]);
  });

  test("takes back the stage that he helped to end: it starts again with the votes of the others", () => {
    const first = after(ask(twoStages, here).approval, [[alice]], twoStages, here);
    const { approval, events } = made(join(first, alice, twoStages, here));
    expect(typesOf(events)).toEqual(["requester_joined", "stage_started", "approvers_resolved"]);
    expect(approval.stages).toMatchObject([
      { id: "first", status: "ACTIVE" },
      { id: "second", status: "WAITING" },
    ]);
    expect(after(approval, [[carol], [bob]], twoStages, here).decision).toBe("APPROVED");

    const may = { ...twoStages, document: { ...twoStages.document, requesterMayVote: true } };
    const kept = after(ask(may, here).approval, [[alice]], may, here);
    expect(typesOf(made(join(kept, alice, may, here)).events)).toEqual(["requester_joined"]);
    expect(typesOf(made(join(first, carol, twoStages, here)).events)).toEqual(["requester_joined"]);
  });

  test("takes back no stage in which he had no part, and none that was skipped", () => {
    const stages = [stage("none", [requirement("x")], { when: "no" }), ...["first", "second", "third"].map((id) => stage(id, [requirement(id)]))];
    const by = policy({ stages }, { no: false });
    const third = after(ask(by, here).approval, [[bob], [alice, { stage: "second" }]], by, here);
    const { approval } = made(join(third, alice, by, here));
    expect(approval.stages.map(({ status }) => status)).toEqual(["SKIPPED", "SATISFIED", "ACTIVE", "WAITING"]);
    expect(approval.votes.map(({ stage: of, voter }) => `${voter.name} in ${of}`)).toEqual(["bob in first", "alice in second"]);
    expect(after(approval, [[carol], [carol, { stage: "third" }]], by, here).decision).toBe("APPROVED");
  });

  test("counts once, by whatever alias", () => {
    const { approval } = ask(twoStages, here);
    expect(made(join(approval, boss, twoStages, here)).events).toEqual([]);
    const joined = made(join(approval, carol, twoStages, here)).approval;
    for (const one of [boss, carol]) expect(made(join(joined, one, twoStages, here)).events).toEqual([]);
    const at = world([{ ...member("boss"), aliases: ["old|boss"] }, alice, bob]);
    expect(made(join(approval, { ...boss, key: "old|boss" }, twoStages, at)).events).toEqual([]);
  });

  test("cannot, once the request is decided or has expired", () => {
    const { approval } = ask(policy(), here);
    expect(join(after(approval, [[alice]], policy(), here), bob, policy(), here)).toMatchObject({ refusal: "REQUEST_CLOSED" });
    expect(join(approval, bob, policy(), { ...here, now: approval.expiresAt })).toMatchObject({ refusal: "REQUEST_CLOSED" });
  });
});

describe("too few people", () => {
  const sre = (onUnsatisfiable: PolicyDocument["onUnsatisfiable"], of: Who = who("group:sre")) =>
    policy({ onUnsatisfiable, stages: [stage("review", [requirement("team", { who: of })])] }, { leads: ["Lead"], bad: new Error("odd") });
  const alone = world([alice, member("lead"), member("last")]);
  const own = (by: ReturnType<typeof policy>, at = alone) => ask(by, at, { requester: alice });

  const asked = "alice asked for this request, and may not decide on it";

  test("reject the request in the same step, with what is missing, and who is in the way", () => {
    const { approval, events } = own(sre("reject"));
    expect(typesOf(events).slice(2)).toEqual(["approvers_resolved", "unsatisfiable", "stage_completed", "request_rejected"]);
    expect(eventOf(events, "unsatisfiable")).toMatchObject({
      stage: "review",
      requirements: ["team"],
      detail: `not enough people can still approve team (${asked})`,
    });
    expect(approval).toMatchObject({
      decision: "REJECTED",
      outcome: { by: "muster", reason: `not enough people can still approve team (${asked})` },
      stages: [{ status: "REJECTED" }],
    });
  });

  test("say who is in the way, also where no directory lists people", () => {
    const by = policy({ stages: [stage("review", [requirement("team", { who: who("amy") })])] });
    const { approval } = ask(by, world(undefined), { requester: { ...person("amy"), key: "open|amy" } });
    expect(approval.outcome?.reason).toBe("not enough people can still approve team (amy asked for this request, and may not decide on it)");
  });

  test("let it expire, unless somebody comes", () => {
    const { approval, events } = own(sre("expire"));
    expect(typesOf(events).slice(3)).toEqual(["unsatisfiable"]);
    expect(approval).toMatchObject({ decision: "IN_REVIEW", stages: [{ isUnsatisfiable: true }] });
    expect(refresh(approval, sre("expire"), alone).events).toEqual([]);
    const joined = world([alice, bob]);
    const better = refresh(approval, sre("expire"), joined).approval;
    expect(better.stages[0]?.isUnsatisfiable).toBe(false);
    expect(after(better, [[bob]], sre("expire"), joined).decision).toBe("APPROVED");
    expect(typesOf(refresh(better, sre("expire"), alone).events)).toEqual(["approvers_resolved", "unsatisfiable"]);
    expect(tick(approval, sre("expire"), { ...alone, now: approval.expiresAt }).approval.decision).toBe("EXPIRED");
  });

  test("escalate it once, to listed people and those of an expression", () => {
    const by = sre({ escalate: { ...who("LAST"), expr: "leads" } });
    const { approval, events } = own(by);
    expect(typesOf(events).slice(3)).toEqual(["unsatisfiable", "escalated", "approvers_resolved"]);
    expect(eventOf(events, "escalated")).toMatchObject({ stage: "review", to: who("last", "lead"), actor: "muster" });
    expect(approval.stages[0]).toMatchObject({ isEscalated: true, isUnsatisfiable: false });
    expect(after(approval, [[person("lead")]], by, alone)).toMatchObject({ decision: "APPROVED" });
    const { approval: over, events: then } = refresh(approval, by, world([alice]));
    expect(typesOf(then)).toEqual(["approvers_resolved", "unsatisfiable", "request_cancelled"]);
    expect(over).toMatchObject({
      decision: "CANCELLED",
      closing: "unsatisfiable",
      outcome: { by: "muster", reason: `not enough people can still approve team (${asked}), after an escalation too` },
    });
  });

  test("escalate it to nobody where the expression fails, and say so", () => {
    const { approval, events } = own(sre({ escalate: { ...who(), expr: "bad" } }));
    expect(typesOf(events).slice(3)).toEqual(["unsatisfiable", "expression_failed", "escalated", "unsatisfiable", "request_cancelled"]);
    expect(eventOf(events, "expression_failed")).toMatchObject({ where: "on_unsatisfiable.escalate", failure: "odd" });
    expect(approval.decision).toBe("CANCELLED");
  });

  test.each([
    ["an empty list", who()],
    ["an unknown group", who("group:none")],
    ["an unknown person", who("zoe")],
  ])("are reported for %s", (_, of) => {
    expect(ask(sre("reject", of), alone).approval.decision).toBe("REJECTED");
  });

  test("are reported when the last who could approve leaves, abstains, or rejects below the veto", () => {
    const by = policy({ stages: [stage("review", [requirement("team", { need: { count: 2 }, veto: 2 })])] });
    const pair = world([alice, bob]);
    const { approval } = ask(by, pair);
    expect(refresh(approval, by, world([alice])).approval.decision).toBe("REJECTED");
    expect(after(approval, [[alice, { verdict: "abstain" }]], by, pair).decision).toBe("REJECTED");
    expect(after(approval, [[alice, { verdict: "reject" }]], by, pair)).toMatchObject({ outcome: { reason: "not enough people can still approve team" } });
  });

  test("are not yet known where nothing lists them", () => {
    const none = world(undefined);
    expect(ask(sre("reject"), none).approval.decision).toBe("IN_REVIEW");
    expect(ask(sre("reject", who()), none).approval.decision).toBe("REJECTED");
  });

  test("of many who are in the way names five, each once", () => {
    const names = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"];
    const at = world(names.map((name) => ({ ...member(name, "group:sre"), isEnabled: false })));
    const reason = own(policy({ stages: [stage("review", [requirement("a"), requirement("b")])] }), at).approval.outcome?.reason;
    const disabled = names.slice(0, 5).map((name) => `${name} is disabled in the directory`);
    expect(reason).toBe(`not enough people can still approve a and b (${[...disabled, "and 2 more"].join("; ")})`);
  });

  test("of several requirements are named together", () => {
    const by = policy({ stages: [stage("review", [requirement("a"), requirement("b"), requirement("c", { who: who("id|lead") })])] });
    expect(own(by).approval.outcome?.reason).toBe(`not enough people can still approve a and b (${asked})`);
  });
});

describe("a directory that cannot be read", () => {
  const by = policy({ stages: [stage("review", [requirement("team", { need: "all" })])] });

  test("leaves a new request pending until it can, and votes go on by credentials", () => {
    const { approval, events } = ask(by, world("unknown"));
    expect(typesOf(events)).toEqual(["request_created", "stage_started", "directory_pending"]);
    expect(approval.decision).toBe("PENDING");
    expect(isOpen(approval)).toBe(true);
    expect(refresh(approval, by, world("unknown")).events).toEqual([]);
    const { approval: voted, events: ofVote } = made(cast(approval, alice, by, world("unknown")));
    expect(typesOf(ofVote)).toEqual(["vote_recorded"]);
    expect(voted.decision).toBe("PENDING");
    const known = refresh(voted, by, world([alice, bob]));
    expect(typesOf(known.events)).toEqual(["approvers_resolved"]);
    expect(known.approval).toMatchObject({ decision: "IN_REVIEW", directoryVersion: 1 });
    expect(refresh(voted, by, world([alice])).approval.decision).toBe("APPROVED");
    const one = policy();
    expect(after(ask(one, world("unknown")).approval, [[alice]], one, world("unknown")).decision).toBe("APPROVED");
  });

  test("leaves an open request with those whom it had", () => {
    const { approval } = ask(by, here);
    expect(refresh(approval, by, world("unknown"))).toEqual({ approval, events: [] });
    expect(made(cast(approval, alice, by, world("unknown"))).approval).toMatchObject({
      decision: "IN_REVIEW",
      stages: [{ requirements: [{ candidates: [{}, {}, {}] }] }],
    });
  });

  test("says so once, also while changes are requested", () => {
    const { approval } = made(cast(ask(by, world("unknown")).approval, bob, by, world("unknown"), { verdict: "request_changes" }));
    expect(approval.decision).toBe("CHANGES_REQUESTED");
    expect(typesOf(made(cast(approval, alice, by, world("unknown"))).events)).toEqual(["vote_recorded"]);
  });

  test("does not end what was escalated while it is not known to whom", () => {
    const escalating = policy({ onUnsatisfiable: { escalate: who("group:leads") } });
    const { approval, events } = made(cast(ask(escalating, world([alice])).approval, alice, escalating, world("unknown"), { verdict: "abstain" }));
    expect(typesOf(events)).toEqual(["vote_recorded", "unsatisfiable", "escalated"]);
    const known = (...leads: readonly string[]) => refresh(approval, escalating, world([alice, ...leads.map((name) => member(name, "group:leads"))])).approval;
    expect([approval, known("lou"), known()].map(({ decision }) => decision)).toEqual(["IN_REVIEW", "IN_REVIEW", "CANCELLED"]);
  });

  test("ends being pending also where nobody is listed", () => {
    const { approval } = ask(policy(), world("unknown"));
    const known = refresh(approval, policy(), world(undefined));
    expect(eventOf(known.events, "approvers_resolved")).toMatchObject({ directoryVersion: 0, candidates: { team: null } });
    expect(known.approval.decision).toBe("IN_REVIEW");
  });
});

describe("a refresh", () => {
  test("follows who comes and goes, and says nothing when nothing changed", () => {
    const by = policy();
    const { approval } = ask(by, here);
    expect(refresh(approval, by, here).events).toEqual([]);
    expect(refresh(approval, by, world([carol, bob, alice])).events).toEqual([]);
    const changed = refresh(approval, by, world([bob, carol, member("dave", "group:sre")]));
    expect(eventOf(changed.events, "approvers_resolved").candidates["team"]?.map(({ name }) => name)).toEqual(["bob", "carol", "dave"]);
    const away = refresh(approval, by, { ...here, standIns: [standIn(alice, "id|boss2")] });
    expect(away.events).toEqual([]);
    expect(refresh(approval, by, { ...here, standIns: [standIn(alice, "id|bob")] }).events).toHaveLength(1);
  });

  test("leaves it at the changes that were requested", () => {
    const by = policy();
    const asked = after(ask(by, here).approval, [[alice, { verdict: "request_changes" }]], by, here);
    const { approval, events } = refresh(asked, by, world([alice, bob]));
    expect(typesOf(events)).toEqual(["approvers_resolved"]);
    expect(approval.decision).toBe("CHANGES_REQUESTED");
  });

  test("says so when one requirement of several has other people", () => {
    const by = policy({ stages: [stage("review", [requirement("a"), requirement("b", { who: who("id|alice") })])] });
    expect(typesOf(refresh(ask(by, here).approval, by, world([alice, bob])).events)).toEqual(["approvers_resolved"]);
  });

  test("keeps the vote of who has left, and counts him", () => {
    const by = policy({ stages: [stage("review", [requirement("team", { need: { percent: 60 } })])] });
    const voted = after(ask(by, here).approval, [[alice]], by, here);
    const left = refresh(voted, by, world([bob, carol])).approval;
    expect(left.decision).toBe("IN_REVIEW");
    expect(after(left, [[bob]], by, world([bob, carol])).decision).toBe("APPROVED");
  });

  test("ends the stage where those who are left have approved", () => {
    const by = policy({ stages: [stage("review", [requirement("team", { need: "all" })])] });
    const voted = after(ask(by, here).approval, [[alice], [bob]], by, here);
    expect(refresh(voted, by, world([alice, bob])).approval.decision).toBe("APPROVED");
  });

  test("does nothing to a request that is decided, or has expired", () => {
    const done = after(ask(policy(), here).approval, [[alice]], policy(), here);
    expect(refresh(done, policy(), world([])).events).toEqual([]);
    const { approval } = ask(policy(), here);
    expect(refresh(approval, policy(), world([], { now: approval.expiresAt })).events).toEqual([]);
    expect(refresh(approval, policy(), world([], { now: approval.expiresAt - 1 })).approval.decision).toBe("REJECTED");
  });
});

test("events that do not follow the document are a defect", () => {
  const { events } = ask(policy(), here);
  const [first, second] = events as [ApprovalEvent, ApprovalEvent];
  expect(() => fold([first, { ...second, sequence: 3 }])).toThrow("event 3 does not follow 1");
  expect(() => fold([{ ...second, sequence: 1 }])).toThrow("stage_started is not the first event of a request");
  expect(fold([])).toBeUndefined();
  expect(dueAt(ask(policy(), here).approval)).toBe(t0 + 100 * hour);
});
