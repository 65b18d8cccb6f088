/** What people see: the pure texts of answers, events and times. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { EventType, RegistrationEventSchema, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { changesBetween, instanceSummary, instanceTable, type Instance } from "../../src/cli/registration/instance-view.ts";
import { eventLine, summaryLine, waitingLine } from "../../src/cli/registration/progress-view.ts";
import { styleFor } from "../../src/cli/frame/style.ts";
import { pairs, table } from "../../src/cli/frame/table.ts";
import { age, durationMs, took } from "../../src/cli/frame/times.ts";

const plain = styleFor(false);
const coloured = styleFor(true);
const now = 1_000_000_000_000;

const instance = (more: Partial<Instance> = {}): Instance => ({
  name: "echo",
  serviceId: "echo-h-1",
  at: "h:1",
  version: "1.0.0",
  isHealthy: true,
  registeredMs: now - 300_000,
  checkedMs: now - 4_000,
  labels: ["blue"],
  facts: [],
  ...more,
});

describe("instances", () => {
  test("a table with health in words and ages", () => {
    expect(
      instanceTable([instance(), instance({ name: "a-longer-name", isHealthy: false, checkedMs: undefined, labels: [] })], now, plain).split("\n"),
    ).toEqual([
      "NAME           ADDRESS  VERSION  HEALTH     CHECKED  AGE  ID        LABELS",
      "echo           h:1      1.0.0    healthy    4s       5m   echo-h-1  blue",
      "a-longer-name  h:1      1.0.0    unhealthy  -        5m   echo-h-1",
      "",
    ]);
  });

  test("colours change no width, and there are none without a terminal", () => {
    const text = instanceTable([instance()], now, coloured);
    // oxlint-disable-next-line no-control-regex
    expect(text.replace(/\u001b\[\d+m/g, "")).toBe(instanceTable([instance()], now, plain));
    expect(text).not.toBe(instanceTable([instance()], now, plain));
  });

  test("a line is cut at the terminal's width", () => {
    const lines = instanceTable([instance({ labels: ["x".repeat(100)] })], now, plain, 70)
      .trimEnd()
      .split("\n");
    expect(lines.map((line) => line.length <= 70)).toEqual([true, true]);
    expect(lines[1]).toMatch(/…$/);
  });

  test("a list that is not of now says so", () => {
    expect(instanceSummary([instance(), instance({ isHealthy: false })], now - 1_000, now, plain)).toBe("2 instances, 1 unhealthy\n");
    expect(instanceSummary([instance()], now - 90_000, now, plain)).toBe("1 instance, as of 90s ago\n");
  });

  test("changes between two lists", () => {
    const before = [instance(), instance({ serviceId: "b-h-2" }), instance({ serviceId: "c-h-3" }), instance({ serviceId: "e-h-5" })];
    const after = [
      instance(),
      instance({ serviceId: "b-h-2", isHealthy: false }),
      instance({ serviceId: "d-h-4" }),
      instance({ serviceId: "e-h-5", version: "2.0.0" }),
    ];
    expect(changesBetween(before, after, plain)).toEqual([
      "~ b-h-2  1.0.0  healthy → unhealthy",
      "+ d-h-4  1.0.0  healthy",
      "~ e-h-5  2.0.0  was version 1.0.0",
      "- c-h-3  1.0.0  gone",
    ]);
  });

  test("what an instance calls itself cannot steer the terminal", () => {
    const evil = "\u001b[2J\u202eevil\n";
    expect(table({ heads: ["A"], rows: [[evil]], bold: (text) => text })).toBe("A\n\\u001b[2J\\u202eevil\\u000a\n");
    expect(pairs([["A", evil]], (text) => text)).toBe("A  \\u001b[2J\\u202eevil\\u000a\n");
  });
});

describe("the steps of a registration", () => {
  const event = (eventType: EventType, more: object = {}) =>
    create(RegistrationEventSchema, { eventType, message: "done", timestamp: timestampFromMs(now), ...more });

  test("one line an event", () => {
    expect(eventLine(event(EventType.STARTED), 0, plain)).toBe("  ✓ STARTED                     +0 ms  done");
    expect(eventLine(event(EventType.CONSUL_HEALTHY), 1_234, plain)).toBe("  ✓ CONSUL_HEALTHY             +1.2 s  done");
    expect(eventLine(event(EventType.HEALTH_WAITING), 5_000, plain)).toMatch(/^ {2}… HEALTH_WAITING /);
    const failed = event(EventType.FAILED, { eventData: { case: "errorDetail", value: "HEALTH_REFUSED: nobody\u001b[2J there" } });
    expect(eventLine(failed, 3, plain)).toMatch(/^ {2}✗ FAILED .* HEALTH_REFUSED: nobody\\u001b\[2J there$/);
    const warned = event(EventType.VALIDATED, { eventData: { case: "metadata", value: { values: { warning: "no DNS name" } } } });
    expect(eventLine(warned, 0, plain)).toMatch(/ {2}warning: no DNS name$/);
    expect(eventLine(event(77 as EventType), 0, plain)).toMatch(/^ {2}✓ 77 /);
  });

  test("what it has come to", () => {
    const completed = (outcome: RegistrationOutcome) => event(EventType.COMPLETED, { outcome, eventData: { case: "serviceId", value: "echo-h-1" } });
    expect(summaryLine(completed(RegistrationOutcome.ACTIVE), 412, plain)).toBe("✓ echo-h-1 is registered, in 412 ms");
    expect(summaryLine(completed(RegistrationOutcome.UNCHANGED), 4, plain)).toMatch(/was already registered identically/);
    expect(summaryLine(completed(RegistrationOutcome.PENDING_APPROVAL), 4, plain)).toMatch(/waits for approval/);
    expect(summaryLine(completed(RegistrationOutcome.UNSPECIFIED), 4, plain)).toMatch(/nothing was registered/);
    expect(summaryLine(event(EventType.FAILED, { attemptId: "a" }), 2_500, plain)).toBe("✗ failed after 2.5 s, and undone");
    expect(summaryLine(event(EventType.FAILED), 2_500, plain)).toBe("✗ not approved, after 2.5 s: nothing of it is live");
  });

  test("the line that moves while the next step is awaited", () => {
    expect(waitingLine(0, plain)).not.toBe(waitingLine(100, plain));
    expect(waitingLine(3_100, plain)).toMatch(/waiting for the next step, 3\.1 s$/);
  });
});

test("durations and ages", () => {
  expect(["500ms", "30s", "1.5m", "2h", "7d"].map((text) => durationMs("timeout", text))).toEqual([500, 30_000, 90_000, 7_200_000, 604_800_000]);
  for (const wrong of ["", "5", "s", "-1s", "1w", "1e3s", "9999d"]) expect(() => durationMs("timeout", wrong)).toThrow(/--timeout: .* must be a duration/);
  expect([0, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map((ms) => age(now - ms, now))).toEqual(["0s", "119s", "2m", "119m", "2h", "2d"]);
  expect([age(undefined, now), age(now + 5_000, now)]).toEqual(["-", "0s"]);
  expect([0.4, 999, 1_000, 59_900, 61_000].map(took)).toEqual(["0 ms", "999 ms", "1.0 s", "59.9 s", "1 m 01 s"]);
});
