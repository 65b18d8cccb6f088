/** Tables and lines at the width of a terminal: what matters stays. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { RegistrationOutcome, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { EventSchema } from "../../gen/muster/event/v1/event_service_pb.ts";
import { Reason } from "../../gen/muster/registration/v1/reasons_pb.ts";
import { AttemptSchema, AttemptState } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { eventLine, eventTable } from "../../src/cli/events/event-view.ts";
import { styleFor } from "../../src/cli/frame/style.ts";
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
