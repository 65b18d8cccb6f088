/** The table of methods: every RPC there is has a row, and what the rows say of access and life. */
import { describe, expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { events } from "../../src/events.ts";
import type { ApprovalHandlerDeps } from "../../src/rpc/approvals/deps.ts";
import { approvalServices } from "../../src/rpc/approvals/methods.ts";
import { auditService } from "../../src/rpc/platform/audit.ts";
import { eventService, type EventHandlerDeps } from "../../src/rpc/platform/events.ts";
import { createHealthService } from "../../src/rpc/platform/health.ts";
import { reflectionServices } from "../../src/rpc/platform/reflection.ts";
import type { RegistrationHandlerDeps } from "../../src/rpc/registration/deps.ts";
import type { InboundDeps } from "../../src/inbound/deps.ts";
import { inboundService } from "../../src/rpc/inbound/methods.ts";
import { webhookService } from "../../src/rpc/webhooks/methods.ts";
import type { WebhookDeps } from "../../src/webhooks/deps.ts";
import { platformMethods, registrationServices } from "../../src/rpc/registration/methods.ts";
import { defaultLimits, lifeMs } from "../../src/rpc/transport/limits.ts";
import { methodKey, served, type Methods, type ServedMethod } from "../../src/rpc/transport/served.ts";
import { servedServices } from "../support/rpc-descriptors.ts";

const noDeps = {} as RegistrationHandlerDeps;
const ours = [
  ...registrationServices(noDeps),
  ...approvalServices({} as ApprovalHandlerDeps),
  webhookService({} as WebhookDeps),
  inboundService({} as InboundDeps),
  auditService([]),
  eventService({} as EventHandlerDeps, events),
];
const all = [...ours, served(Health, createHealthService([]).methods), ...reflectionServices(ours.map(({ desc }) => desc))];
const rows: readonly ServedMethod[] = all.flatMap(({ methods }) => methods);
const named = (name: string) => rows.find((row) => row.name.endsWith(`/${name}`));

describe("the table of methods", () => {
  test("has a row for every method of every generated service, and no other", () => {
    const methods = servedServices.flatMap((service) => service.methods.map(methodKey));
    expect(methods).toContain("grpc.health.v1.Health/Check");
    expect(rows.map(({ name }) => name).toSorted()).toEqual(methods.toSorted());
  });

  test("opens only health to everybody, and gives viewers no method that changes something", () => {
    const open = rows.filter(({ access }) => access === "public");
    expect(open.map(({ name }) => name).toSorted()).toEqual(Health.methods.map(methodKey).toSorted());
    const reading = /\/(Get|List|Watch|Resolve|Compare|Simulate|ServerReflectionInfo)/;
    expect(rows.filter(({ access, name }) => access === "viewer" && !reading.test(name))).toEqual([]);
  });

  test("gives every stream a life of its own and no unary method one", () => {
    const streaming = rows.filter(({ desc }) => desc.methodKind !== "unary");
    expect(rows.filter(({ life }) => life !== undefined)).toEqual(streaming);
    const lives = ["Register", "ListServices", "WatchServices", "ServerReflectionInfo"].map((name) => lifeMs(named(name)?.life, defaultLimits));
    expect(lives).toEqual([1_800_000, 10_000, 1_800_000, 300_000]);
  });

  test("ends watches when the server begins to shut down, and lets work finish", () => {
    expect(["WatchServices", "WatchAttempt", "Register", "Unregister"].map((name) => named(name)?.onDrain)).toEqual(["end", "end", "finish", "finish"]);
  });
});

test("a table that is wrong does not compile", () => {
  type Table = Methods<typeof PlatformRegistrationService>;
  const good = platformMethods(noDeps);
  const { unregister, ...missing } = good;
  const call = unregister.call;
  // @ts-expect-error a method is missing
  const first: Table = missing;
  // @ts-expect-error a stream without a life
  const second: Table["register"] = { access: "registrar", onDrain: "finish", call: good.register.call };
  // @ts-expect-error a stream that does not say what becomes of it on drain
  const third: Table["register"] = { access: "registrar", life: "work", call: good.register.call };
  // @ts-expect-error a method that the service does not have
  const fourth: Table = { ...good, nothing: { access: "viewer", call } };
  // @ts-expect-error a role that there is not
  const fifth: Table["unregister"] = { access: "king", call };
  // @ts-expect-error nobody says who may call
  const sixth: Table["unregister"] = { call };
  // @ts-expect-error another method's handler
  const seventh: Table["unregister"] = { access: "registrar", call: good.getService.call };
  expect([first, second, third, fourth, fifth, sixth, seventh]).toHaveLength(7);
  expect(() => served(PlatformRegistrationService, first)).toThrow("Unregister has no row");
});
