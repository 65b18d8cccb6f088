/**
 * A write that was given up while the other side had not yet carried it out (an abort, a lost lease): what is done to take
 * it back must come after it, or it stays for ever.
 */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createApicurioSchemas } from "../../src/adapters/apicurio/schemas.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { systemClock as clock } from "../../src/adapters/system/clock.ts";
import { entryFor, passTrial, signal } from "../support/catalog-fixture.ts";
import { openConsulCatalog } from "../support/catalogs.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { startHealthServer } from "../support/health-server.ts";
import { startHoldingProxy, type HoldingProxy } from "../support/holding-proxy.ts";
import { realBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { leftInConsul, requestFor, versionsInApicurio } from "../support/world.ts";

const gaveUp = new Error("gave up");

/** Gives up `write` while it is held, takes it back as soon as it has rejected, and lets it through at the latest a little later. */
async function giveUpAndTakeBack(proxy: HoldingProxy, write: (signal: AbortSignal) => Promise<unknown>, takeBack: () => Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  const rejected = expect(write(abort.signal)).rejects.toBe(gaveUp);
  await proxy.held;
  abort.abort(gaveUp);
  const takenBack = rejected.then(takeBack);
  const aLittle = new Promise<void>((resolve) => AbortSignal.timeout(300).addEventListener("abort", () => resolve(), { once: true }));
  await Promise.race([takenBack, aLittle]);
  await proxy.release();
  await takenBack;
}

describeReal("a write that is carried out after it was given up", (servers) => {
  describe.each(["register", "promote"] as const)("in Consul", (write) => {
    test(`${write}: its entry is gone when it has been deregistered`, async () => {
      await using it = await openConsulCatalog(servers.consul);
      await using module = await startHealthServer();
      const entry = entryFor(it, module);
      if (write === "promote") await passTrial(it.catalog, entry);
      await using proxy = await startHoldingProxy(servers.consul, ({ url = "" }) => url.startsWith("/v1/agent/service/register"));
      await using catalog = createConsulCatalog({ url: proxy.url, clock });
      await giveUpAndTakeBack(
        proxy,
        (given) => catalog[write](entry, given),
        () => catalog.deregister(entry.serviceId, entry.attemptId, signal()),
      );
      expect(await it.catalog.instances({ serviceId: entry.serviceId }, signal())).toEqual([]);
    });
  });

  test("in Apicurio: a version is not served when it has been disabled", async () => {
    const url = new URL(servers.apicurio);
    await using proxy = await startHoldingProxy(url.origin, ({ method }) => method === "POST");
    const group = `late.${randomUUID()}`;
    await using schemas = createApicurioSchemas({ url: proxy.url + url.pathname, group });
    const document = { artifactId: "parser-config", version: "1", kind: "JSON", content: '{"type":"object"}' } as const;
    await giveUpAndTakeBack(
      proxy,
      (given) => schemas.put(document, "attempt", given),
      () => schemas.disable(document.artifactId, document.version, signal()),
    );
    expect(await schemas.versions(document.artifactId, signal())).toEqual([]);
  });
});

describeReal("an attempt cancelled while its schema is on the way to the registry", (servers) => {
  test("leaves no version in use", async () => {
    const url = new URL(servers.apicurio);
    await using proxy = await startHoldingProxy(url.origin, ({ method }) => method === "POST");
    await using backing = await realBacking(servers);
    await using muster = await startMuster({ ...backing.env, MUSTER_SCHEMAS: `apicurio+${proxy.url}${url.pathname}` });
    using client = connect(muster.address);
    const name = `late-${randomUUID()}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const started = Promise.withResolvers<string>();
    const registering = client.register(requestFor(name, module), ({ attemptId }) => started.resolve(attemptId));
    await proxy.held;
    const attemptId = await started.promise;
    await client.unary(RegistrationService.method.cancelAttempt, { attemptId });
    await proxy.release();
    expect((await registering).types.at(-1)).toBe("FAILED");
    const states = (await versionsInApicurio(servers, `${name}-config`)).map(({ state }) => state);
    expect(states).toEqual(["DISABLED"]);
    expect(await leftInConsul(servers, name)).toEqual([]);
  });
});
