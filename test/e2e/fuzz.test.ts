/** No input ends INTERNAL or UNKNOWN: requests made of odd values, seeded so that a failure can be repeated. */
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  PlatformRegistrationService,
  RegisterRequestSchema,
  type ServiceType,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { CallError } from "../support/client.ts";
import { inEveryMode } from "../support/world.ts";

const seed = 20_261_122;
const internal = 13;
const unknown = 2;

/** mulberry32, a small generator of good enough numbers from 0 to 1. */
function numbers(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const texts = [
  "",
  "a",
  "name",
  "127.0.0.1",
  "::1",
  "\u0000",
  "line\nbreak",
  "\u202eevil",
  "😀",
  "../../etc",
  "' OR 1=1 --",
  "%s%n",
  "__proto__",
  "constructor",
  "a".repeat(300),
  "x".repeat(70_000),
  "169.254.169.254",
  "0x7f.1",
  "name.",
  "é",
];
const integers = [0, 1, -1, 9, 443, 65_535, 65_536, 2_147_483_647, -2_147_483_648];

inEveryMode("odd input", (world) => {
  test(`three hundred requests from seed ${seed}`, { timeout: 300_000 }, async () => {
    const { client } = world();
    const random = numbers(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const some = <T>(make: () => T): T[] => Array.from({ length: Math.floor(random() * 4) }, make);
    const maybe = <T>(make: () => T): T | undefined => (random() < 0.3 ? make() : undefined);
    const duration = () => ({ seconds: BigInt(pick(integers)), nanos: pick(integers) });
    const codes = new Map<number, number>();
    for (let round = 0; round < 300; round += 1) {
      const { status } = await client.register({
        name: pick(texts),
        type: pick([0, 1, 2, 3, 4, -5]) as ServiceType,
        connectivity: {
          advertisedHost: pick(texts),
          advertisedPort: pick(integers),
          internalHost: maybe(() => pick(texts)) ?? "127.0.0.1",
          internalPort: maybe(() => pick(integers)) ?? 9,
          tlsEnabled: random() < 0.5,
        },
        version: pick(texts),
        metadata: Object.fromEntries(some(() => [pick(texts), pick(texts)])),
        tags: some(() => pick(texts)),
        capabilities: some(() => pick(texts)),
        httpEndpoints: some(() => ({ scheme: pick(texts), host: pick(texts), port: pick(integers), basePath: pick(texts), healthPath: pick(texts) })),
        grpcServices: some(() => pick(texts)),
        ...(random() < 0.3 ? { healthTimeout: duration() } : {}),
        ...(random() < 0.3 ? { startupGrace: duration() } : {}),
        ...(random() < 0.3 ? { requestId: pick(texts) } : {}),
        validateOnly: random() < 0.5,
      });
      codes.set(status.code, (codes.get(status.code) ?? 0) + 1);
    }
    expect([...codes.keys()]).not.toContain(internal);
    expect([...codes.keys()]).not.toContain(unknown);
    expect(codes.get(3)).toBeGreaterThan(100);
  });

  test("lookups of odd things", async () => {
    const { client } = world();
    for (const text of texts) {
      for (const call of [
        () => client.unary(RegistrationService.method.getAttempt, { attemptId: text }),
        () => client.unary(RegistrationService.method.listAttempts, { name: text, serviceId: text, pageToken: text }),
        () => client.unary(PlatformRegistrationService.method.unregister, { name: text, host: text, port: 1 }),
      ]) {
        const failure = await call().catch((error: unknown) => error);
        if (failure instanceof CallError) expect([internal, unknown]).not.toContain(failure.status.code);
      }
    }
  });

  test("bytes that are nearly a request", async () => {
    const { muster } = world();
    const random = numbers(seed + 1);
    const whole = toBinary(RegisterRequestSchema, create(RegisterRequestSchema, { name: "nearly", type: 1, metadata: { a: "b" }, tags: ["t"] }));
    const answers = new Set<number>();
    for (let round = 0; round < 200; round += 1) {
      const bytes = whole.slice(0, 1 + Math.floor(random() * whole.length));
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      const answer = await fetch(`http://${muster.address}/${PlatformRegistrationService.typeName}/Unregister`, {
        method: "POST",
        headers: { "content-type": "application/proto" },
        body: bytes,
      });
      answers.add(answer.status);
      const { code } = (await answer.json()) as { code: string };
      expect(["internal", "unknown"]).not.toContain(code);
    }
    expect([...answers].every((status) => status >= 400 && status < 500)).toBe(true);
  });
});
