/** One caller takes all he can, by a stock client; another one with a token of its own registers as ever. */
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { inEveryMode, requestFor, type World } from "../support/world.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const roles = { modest: "registrar", reader: "viewer" } as const;
type Who = keyof typeof roles;

const file = join(tmpdir(), `muster-tokens-${crypto.randomUUID()}.json`);
const tokens = Object.entries(roles).map(([principal, role]) => ({ principal, roles: [role], sha256: sha256(`token-${principal}`) }));
beforeAll(() => writeFile(file, JSON.stringify({ tokens }), { mode: 0o600 }));
afterAll(() => rm(file));

const as = ({ muster }: World, who: Who): MusterClient => connect(muster.address, { token: `token-${who}` });

/** Registers a module with a schema of its own as `modest`, to COMPLETED. */
async function modestRegisters(world: World): Promise<void> {
  using client = as(world, "modest");
  const name = world.unique(`modest-${crypto.randomUUID().slice(0, 4)}`);
  await using module = await startFakeModule({ name, version: "1.0.0", schema: JSON.stringify({ title: name, type: "object" }) });
  expect((await client.register(requestFor(name, module))).types.at(-1)).toBe("COMPLETED");
}

inEveryMode(
  "one who takes all he can",
  (world) => {
    test("of the checks of schemas, with queries that take long, holds up no registration", async () => {
      using reader = as(world(), "reader");
      const slow = (title: string) => JSON.stringify({ title, anyOf: Array.from({ length: 3_000 }, (_, index) => ({ pattern: `(\\pL|\\pN){900}x${index}` })) });
      const compared = Array.from({ length: 70 }, (_, index) =>
        refusal(reader, RegistrationService.method.compareSchemas, {
          subject: { case: "inline", value: { formerJson: slow(`a${index}`), nextJson: slow(`b${index}`) } },
        }),
      );
      const first = await Promise.race(compared);
      expect(first).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: "TOO_MANY_REQUESTS", message: expect.stringMatching(/share of reader is full/) });
      await modestRegisters(world());
      await modestRegisters(world());
    });
  },
  { MUSTER_AUTH: `tokens:${file}` },
);
