import { expect, test } from "vitest";
import { createEmbeddedCatalog } from "../adapters/embedded/catalog.ts";
import { manualClock } from "../../test/support/manual-clock.ts";
import { keepRegistered, selfEntry } from "./self-registration.ts";

const signal = new AbortController().signal;
const entry = selfEntry({ name: "muster", host: "10.0.0.1", port: 8_080, tls: true, owner: "me" });

test("a server's own entry is checked where it listens, marked as its own, and gone a minute after a crash", () => {
  expect(entry).toMatchObject({
    serviceId: "muster-10.0.0.1-8080",
    attemptId: "self-me",
    tags: ["muster"],
    metadata: { "muster-self": "true" },
    check: { address: "10.0.0.1", port: 8_080, tls: true },
    removeAfterMs: 60_000,
  });
});

test("it is put back when it is gone, differs, or was a former process's, and left otherwise", async () => {
  const clock = manualClock();
  await using catalog = createEmbeddedCatalog({ clock, probe: async () => ({ status: "serving" }) });
  const shown = async () => (await catalog.instances({}, signal)).map(({ attemptId, tags }) => `${attemptId} ${tags.join()}`);
  expect(await keepRegistered(catalog, entry, signal)).toBe(true);
  expect(await keepRegistered(catalog, entry, signal)).toBe(false);
  await catalog.deregister(entry.serviceId, entry.attemptId, signal);
  expect(await keepRegistered(catalog, entry, signal)).toBe(true);
  await catalog.promote({ ...entry, tags: ["other"] }, signal);
  expect(await keepRegistered(catalog, entry, signal)).toBe(true);
  await catalog.promote({ ...entry, attemptId: "self-former" }, signal);
  expect(await keepRegistered(catalog, entry, signal)).toBe(true);
  expect(await shown()).toEqual(["self-me muster"]);
});
