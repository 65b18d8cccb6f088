/** Tables and lines at the width of a terminal: what matters stays. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { RegistrationOutcome, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import {
  ApprovalEventSchema,
  ApprovalExplanationSchema,
  ApprovalSchema,
  Decision,
  StageStatus,
  StandInSchema,
  VoteResultSchema,
} from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { AuditRowSchema } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { WebhookDeliverySchema, WebhookDeliveryState } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { EventSchema } from "../../gen/muster/event/v1/event_service_pb.ts";
import { Reason } from "../../gen/muster/registration/v1/reasons_pb.ts";
import { AttemptSchema, AttemptState } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { approvalDetails, approvalTable, explanationText } from "../../src/cli/approvals/approval-view.ts";
import { standInTable } from "../../src/cli/approvals/stand-ins.ts";
import { resultLine } from "../../src/cli/approvals/vote.ts";
import { eventLine as approvalEventLine } from "../../src/cli/approvals/watch.ts";
import { auditTable } from "../../src/cli/audit/export.ts";
import { eventLine, eventTable } from "../../src/cli/events/event-view.ts";
import { counted } from "../../src/cli/frame/numbers.ts";
import { styleFor } from "../../src/cli/frame/style.ts";
import { deliveryTable } from "../../src/cli/webhooks/webhook-view.ts";
import { attemptTable } from "../../src/cli/registration/attempt-view.ts";

const plain = styleFor(false);
const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const longId = "a-service-with-a-long-name-1-127.0.0.1-9000";

const attempt = (more: MessageInitShape<typeof AttemptSchema> = {}) => create(AttemptSchema, Object.assign(initial(), more));
const initial = (): MessageInitShape<typeof AttemptSchema> => ({
  attemptId: "01a21856-9467-70b3-9456-273ecaf4df86",
  serviceId: longId,
  type: ServiceType.MODULE,
  version: "1.0.0",
  state: AttemptState.COMPLETED,
  outcome: RegistrationOutcome.ACTIVE,
  createdAt: timestampFromMs(now - 60_000),
  updatedAt: timestampFromMs(now - 59_900),
});
const failed = attempt({ state: AttemptState.ROLLED_BACK, outcome: RegistrationOutcome.UNSPECIFIED, errorReason: Reason.HEALTH_REFUSED });
const unchanged = (serviceId = longId) => attempt({ outcome: RegistrationOutcome.UNCHANGED, serviceId });

describe("attempts at 80 columns", () => {
  test("keep id, state and result, and the end of the instance's id", () => {
    const lines = attemptTable([failed, attempt()], now, plain, 80).trimEnd().split("\n");
    expect(lines.map(({ length }) => length <= 80)).toEqual([true, true, true]);
    expect(lines[0]).toMatch(/^ATTEMPT +INSTANCE +STATE +RESULT$/);
    expect(lines[1]).toMatch(/^01a21856-9467-70b3-9456-273ecaf4df86 {2}a-\S*….*-9000 +rolled-back {2}HEALTH_REFUSED$/);
    expect(lines[2]).toMatch(/completed +active$/);
  });

  test("wider ones have every column, and no terminal cuts nothing", () => {
    expect(attemptTable([failed], now, plain, 160)).toBe(attemptTable([failed], now, plain));
    expect(attemptTable([failed], now, plain)).toContain(longId);
  });
});

test("deliveries keep the id, which other commands want, at 80 columns", () => {
  const id = "01a21856-9467-70b3-9456-273ecaf4df86";
  const delivery = create(WebhookDeliverySchema, {
    id,
    state: WebhookDeliveryState.PENDING,
    eventType: "request_approved",
    createdAt: timestampFromMs(now - 60_000),
    nextAt: timestampFromMs(now + 60_000),
    detail: "the connection was refused by the endpoint",
  });
  const lines = deliveryTable([delivery], now, plain, 80).trimEnd().split("\n");
  expect(lines.map(({ length }) => length <= 80)).toEqual([true, true]);
  expect(lines[1]).toMatch(new RegExp(`^${id} {2}pending +request_approved {2}`));
});

test("attempts that changed nothing are one line an instance, until something changes", () => {
  const other = "other-127.0.0.1-9001";
  const list = [unchanged(), unchanged(other), unchanged(), unchanged(), attempt(), unchanged()];
  const lines = attemptTable(list, now, plain).trimEnd().split("\n").slice(1);
  expect(lines.map((line) => line.replace(/^\S+ +(\S+) .* {2}/, "$1: "))).toEqual([
    `${longId}: unchanged ×3`,
    `${other}: unchanged`,
    `${longId}: active`,
    `${longId}: unchanged`,
  ]);
});

describe("events at 80 columns", () => {
  const event = create(EventSchema, {
    position: 1200n,
    type: "ServiceUnregistered",
    time: timestampFromMs(now),
    subject: { kind: "instance", id: longId },
  });

  test("a table keeps where the subject ends", () => {
    const lines = eventTable([event], now, plain, 80).trimEnd().split("\n");
    expect(lines[1]?.length).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/ServiceUnregistered {2}instance\/.*….*127\.0\.0\.1-9000$/);
  });

  test("a line that follows does, too, and elsewhere it is whole", () => {
    const line = eventLine(event, plain, { today: "2026-01-02", columns: 80 });
    expect(line).toMatch(/^ +1200 {2}03:04:05Z {2}ServiceUnregistered {2}instance\/.*….*127\.0\.0\.1-9000\n$/);
    expect(line.length).toBe(81);
    expect(eventLine(event, plain)).toContain(`instance/${longId}`);
  });
});

describe("approvals at 80 columns", () => {
  const approval = (decision: Decision) =>
    create(ApprovalSchema, {
      id: "01a21856-9467-70b3-9456-273ecaf4df86",
      decision,
      policyKey: "release-of-services",
      subject: { type: "build", id: "a-subject-with-a-long-name-0042" },
      requesters: [{ name: "amy@example.org" }],
      openedAt: timestampFromMs(now - 60_000),
      expiresAt: timestampFromMs(now + 6.6 * 86_400_000),
      stages: [{ id: "team", status: StageStatus.ACTIVE, requirements: [{ id: "one", needed: 2, have: 1 }] }],
    });

  test("a list keeps id, state, the end of the subject, and what it waits for while there is room", () => {
    const lines = approvalTable([approval(Decision.IN_REVIEW)], now, plain, 80)
      .trimEnd()
      .split("\n");
    expect(lines.map(({ length }) => length <= 80)).toEqual([true, true]);
    expect(lines[1]).toMatch(/^01a21856-9467-70b3-9456-273ecaf4df86 {2}in-review {2}build\/….*-0042 {2}team: one 1\/2$/);
    const [, wide = ""] = approvalTable([approval(Decision.CHANGES_REQUESTED)], now, plain, 80).split("\n");
    expect(wide).toMatch(/^\S{36} {2}changes-requested {2}build\/.*….*-0042$/);
    expect(wide.length).toBeLessThanOrEqual(80);
    expect(approvalTable([approval(Decision.IN_REVIEW)], now, plain)).toMatch(
      / {2}release-of-services {2}.* {2}amy@example.org {2}60s {2}7d {4}team: one 1\/2\n$/,
    );
  });

  test("sentences are broken between words, and what somebody wrote in lines is one", () => {
    const said = `the licence of the library that this needs is missing,\n\tand its version ${"is older than the audit ".repeat(4)}`;
    const texts = [
      resultLine(create(VoteResultSchema, { approvalId: approval(Decision.IN_REVIEW).id, message: said }), plain, 80),
      approvalEventLine(create(ApprovalEventSchema, { sequence: 12n, at: timestampFromMs(now), text: said, decision: Decision.IN_REVIEW }), plain, 80),
      explanationText(create(ApprovalExplanationSchema, { summary: said, requirements: [{ id: "one", excluded: [{ name: "bob", why: said }] }] }), plain, 80),
      approvalDetails(create(ApprovalSchema, { votes: [{ stage: "s", voter: { name: "bob" }, comment: said }] }), now, plain, { columns: 80 }),
    ];
    for (const text of texts) {
      expect(text.split("\n").filter(({ length }) => length > 80)).toEqual([]);
      expect(text.replace(/\s+/g, " ")).toContain("is missing, and its version is older than the audit is older");
      expect(text).not.toContain("\\u00");
    }
    expect(texts[1]).toMatch(/^ {2}12 {2}2026-01-02T03:04:05Z {2}in-review {2}the licence of the library that this\n {39}needs is missing/);
  });

  test("stand-ins and rows of the audit do, too", () => {
    const standIn = create(StandInSchema, {
      id: "01a21856-9467-70b3-9456-273ecaf4df86",
      from: { name: "bob@example.org" },
      to: "somebody-with-a-name@example.org",
      until: timestampFromMs(now + 604_799_000),
      policyKeys: ["release", "schema"],
    });
    const row = create(AuditRowSchema, {
      sequence: 12n,
      at: timestampFromMs(now),
      actor: "oidc|a-long-key-of-somebody",
      action: "stage_completed",
      hash: "a".repeat(64),
    });
    const lines = [...standInTable([standIn], now, plain, 80).split("\n"), ...auditTable([row], plain, 80).split("\n")];
    expect(lines.filter(({ length }) => length > 80)).toEqual([]);
    expect(lines[1]).toMatch(/ {2}7d /);
  });
});

test.each([
  [0, false, "0 requests"],
  [1, false, "1 request"],
  [1, true, "1+ requests"],
  [12, false, "12 requests"],
  [1_000, true, "1 000+ requests"],
  [1_234_567, false, "1 234 567 requests"],
])("a count of %i, more: %j", (count, isMore, text) => {
  expect(counted(count, isMore, "request")).toBe(text);
});
