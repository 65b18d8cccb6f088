/** What people see of what waits for an approval: pure texts, and a stream that repeats itself. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { EventType, RegistrationEventSchema } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { HeldInstanceSchema } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { styleFor } from "../../src/cli/frame/style.ts";
import type { Terminal } from "../../src/cli/frame/terminal.ts";
import { exitCodeOf, followEvents } from "../../src/cli/registration/follow-events.ts";
import { heldTable } from "../../src/cli/registration/held.ts";
import { approvalLine } from "../../src/cli/registration/progress-view.ts";
import { contextOf, registrationFacts, schemaChanges, type RegistrationContext } from "../../src/cli/registration/subject-view.ts";
import { manualClock } from "../support/manual-clock.ts";

const plain = styleFor(false);
const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const id = "01a21856-9467-70b3-9456-273ecaf4df86";

const asked = (message: string, sequence = 0n) =>
  create(RegistrationEventSchema, {
    eventType: EventType.APPROVAL_REQUESTED,
    message,
    sequence,
    timestamp: timestampFromMs(now),
    eventData: { case: "metadata", value: { values: { approval_id: id, stage: "owners", who_can_decide: "team (group owners)" } } },
  });

test("what a server repeats while an instance waits is shown once, and again after something has happened", async () => {
  let written = "";
  const terminal = { out: (text: string) => void (written += text), isInteractive: false, colour: { out: false }, clock: manualClock(now), program: "muster" };
  const texts = ["it waits", "it waits", "bob approved", "it waits", "it waits", "approved"];
  const stream = (async function* () {
    for (const [index, text] of texts.entries()) yield asked(text, index === 0 ? 8n : 0n);
  })();
  const seen: string[] = [];
  await followEvents(stream, "table", terminal as unknown as Terminal, ({ message }) => seen.push(message));
  expect(written.match(/it waits|bob approved|approved/g)).toEqual(["it waits", "bob approved", "it waits", "approved"]);
  expect(seen).toEqual(texts);
});

test("how a wait has ended is an exit code", () => {
  const failed = (value: string, attemptId = "") =>
    create(RegistrationEventSchema, { eventType: EventType.FAILED, attemptId, eventData: { case: "errorDetail", value } });
  expect(exitCodeOf(failed("APPROVAL_REJECTED: bob rejected it"), true)).toBe(9);
  expect(exitCodeOf(failed("APPROVAL_REJECTED: it expired"))).toBe(10);
  expect(exitCodeOf(failed("APPROVAL_REJECTED: a rule rejects it", id))).toBe(9);
  expect(exitCodeOf(failed("SUPERSEDED: it was unregistered"))).toBe(3);
  expect(exitCodeOf(failed("HEALTH_REFUSED: nobody is there", id))).toBe(3);
});

test("the line that moves fits into one line of the terminal, whoever decides", () => {
  const values = { stage: "owners", who_can_decide: `team (group ${"o".repeat(200)}\u001b[2J)` };
  const line = approvalLine(values, 61_000, plain, 80);
  expect(line.length).toBeLessThan(80);
  expect(line).toMatch(/^ {2}. waiting for approval, stage owners: team \(group o+…, 1 m 01 s$/u);
  expect(approvalLine({ stage: "owners", who_can_decide: "team (group owners)" }, 0, plain, 80)).toMatch(/stage owners: team \(group owners\), 0 ms$/);
  expect(approvalLine({}, 0, plain, 200)).not.toContain("stage");
});

test("a list of what waits keeps name, approval and for whom it waits at 80 columns", () => {
  const held = create(HeldInstanceSchema, {
    name: "a-module-with-a-long-name-42",
    host: "127.0.0.1",
    port: 9000,
    version: "1.0.0",
    approvalId: id,
    actor: "amy",
    askedAt: timestampFromMs(now - 10_000),
    waitsFor: { stage: "owners", who_can_decide: "team (group owners)", expires_at: new Date(now + 6.6 * 86_400_000).toISOString() },
  });
  const lines = heldTable([held], now, plain, 80).trimEnd().split("\n");
  expect(lines.map(({ length }) => length <= 80)).toEqual([true, true]);
  expect(lines[1]).toMatch(/^a-mod\S*….*-42 .*01a21856-9467-70b3-9456-273ecaf4df86 {2}owners: /);
  expect(heldTable([held], now, plain)).toMatch(/ 127\.0\.0\.1:9000 +1\.0\.0 +\S{36} +10s +7d +amy +owners: team \(group owners\)\n$/);
  expect(heldTable([{ ...held, approved: true }], now, plain)).toMatch(/ - +amy +approved, goes live\n$/);
});

test("what a request says of a registration is shown, and a context in another form is not taken for one", () => {
  const change = { kind: "BREAKING", pointer: "/properties/size/type", message: "type no longer accepts an integer" };
  const context: RegistrationContext = {
    type: "MODULE",
    name: "parser",
    version: "2.0.0",
    environment: "prod",
    owner: "open|amy",
    metadata: { team: "search" },
    tags: ["pdf"],
    capabilities: ["PARSER"],
    grpc_services: ["a.B"],
    schema: `parser-config:2.0.0:${"a".repeat(64)}`,
    instances: ["parser-h-1"],
    first: false,
    downgrade: true,
    verdict: "BREAKING",
    compared_with: "1.0.0",
    changes: Array.from({ length: 20 }, () => change),
  };
  expect(Object.fromEntries(registrationFacts(context, ["parser-h-1", "parser-h-2"]))).toEqual({
    "Goes live": "module parser 2.0.0, lower than what is live",
    Instances: "parser-h-1 parser-h-2",
    Environment: "prod",
    Owner: "amy",
    Schema: "parser-config 2.0.0 aaaaaaaaaaaa",
    Metadata: "team=search",
    Tags: "pdf",
    Capabilities: "PARSER",
    Services: "a.B",
  });
  const changes = schemaChanges(context, plain, 50);
  expect(changes).toMatch(/^1\.0\.0 → 2\.0\.0 {2}breaking: .*\n {2}✗ \/properties\/size\/type\n {6}type no longer accepts an integer\n/);
  expect(changes).toMatch(/\nThese are the first 20; there may be more\.\n$/);
  expect(schemaChanges({ ...context, changes: [change] }, plain)).toMatch(/ {2}✗ \/properties\/size\/type {2}type no longer accepts an integer\n$/);
  expect(schemaChanges({ ...context, verdict: "NONE", changes: [] }, plain)).toBe("");
  expect(contextOf(JSON.stringify(context))).toEqual(context);
  expect(contextOf('{"amount": 3}')).toBeUndefined();
});
