import { expect, test } from "vitest";
import { unavailable } from "../kernel/errors.ts";
import type { Meter } from "../kernel/meter.ts";
import { registrationMeter } from "./metrics.ts";
import type { Attempt } from "./records.ts";

const attempt = { id: "a", type: "MODULE", createdAt: 1_000 } as Attempt;

function recording() {
  const seen: string[] = [];
  const note = (name: string, labels: object, value: number) => void seen.push(`${name} ${JSON.stringify(labels)} ${value}`);
  const meter: Meter = {
    count: ({ name }, labels, by = 1) => note(name, labels, by),
    set: ({ name }, labels, value) => note(name, labels, value),
    observe: ({ name }, labels, seconds) => note(name, labels, seconds),
  };
  return { seen, registration: registrationMeter(meter, { now: () => 4_000, sleep: () => Promise.resolve() }) };
}

test("an attempt is counted when it begins, timed step by step, and counted by its end", () => {
  const { seen, registration } = recording();
  registration.begun(attempt);
  registration.progressed({ attemptId: "a", sequence: 2, type: "VALIDATED", at: 1_500, message: "" });
  registration.progressed({ attemptId: "a", sequence: 3, type: "HEALTH_WAITING", at: 1_700, message: "" });
  registration.progressed({ attemptId: "a", sequence: 4, type: "FAILED", at: 2_000, message: "" });
  registration.ended(attempt, unavailable("store", "away"), "failed");
  registration.progressed({ attemptId: "a", sequence: 5, type: "FAILED", at: 9_000, message: "" });
  expect(seen).toEqual([
    'registrations_started_total {"type":"MODULE"} 1',
    'registration_step_seconds {"step":"VALIDATED"} 0.5',
    'registration_step_seconds {"step":"FAILED"} 0.3',
    'registration_duration_seconds {"type":"MODULE"} 3',
    'registrations_failed_total {"type":"MODULE","reason":"DEPENDENCY_UNAVAILABLE"} 1',
  ]);
});

test("an attempt that is left to another replica is forgotten, and its end is not counted here", () => {
  const { seen, registration } = recording();
  registration.begun(attempt);
  registration.ended(attempt, unavailable("store", "away"), "abandoned");
  registration.progressed({ attemptId: "a", sequence: 2, type: "VALIDATED", at: 1_500, message: "" });
  expect(seen).toEqual(['registrations_started_total {"type":"MODULE"} 1']);
});
