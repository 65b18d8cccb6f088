/** An operator's view of a failure: grpcurl, which knows nothing but what reflection tells it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

describeReal("grpcurl", ({ bin }) => {
  test("prints the reason and the bad fields of a refused call", async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster(backing.env);
    const unregister = "ai.pipestream.platform.registration.v1.PlatformRegistrationService/Unregister";
    const { stderr, status } = spawnSync(join(bin, "grpcurl"), ["-plaintext", "-d", '{"name": "two words", "port": 9}', muster.address, unregister], {
      encoding: "utf8",
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('"reason": "INVALID_FIELDS"');
    expect(stderr).toContain('"field": "name"');
    expect(stderr).toContain('"field": "host"');
    expect(stderr).not.toContain("not recognized");
  });
});
