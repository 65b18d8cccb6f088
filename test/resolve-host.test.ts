/** Where a host name leads: what the hosts file and the name servers say, and what happens when they say nothing. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addressesIn, candidates, createNameService } from "../src/adapters/system/name-service.ts";
import { createHostResolver, type HostResolverOptions } from "../src/adapters/system/resolve-host.ts";
import { startNameServer, type NameServer, type Said } from "./support/name-server.ts";

const soon = () => AbortSignal.timeout(60_000);
const policy = { allowLoopback: true, allowedRanges: [] };

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "muster-names-"))));
afterAll(() => rm(folder, { recursive: true }));

/** A name service of its own files, which asks this server only. */
async function nameService(server: NameServer, { hosts = "", resolv = "" } = {}) {
  const [hostsFile, resolvConf] = [join(folder, crypto.randomUUID()), join(folder, crypto.randomUUID())];
  await writeFile(hostsFile, hosts);
  await writeFile(resolvConf, resolv);
  return createNameService({ servers: [server.address], hostsFile, resolvConf });
}

describe("a name", () => {
  const said: Readonly<Record<string, Said>> = {
    "both.example": ["10.0.0.1", "10.0.0.2", "2001:db8::7"],
    "six.example": ["2001:db8::7"],
    "shop.svc.local": ["10.0.0.9"],
    "failing.example": "failed",
  };

  test("has the addresses of the name server, IPv4 first, or none", async () => {
    await using server = await startNameServer((name) => said[name] ?? "unknown");
    const lookUp = await nameService(server);
    expect(await lookUp("both.example", soon())).toEqual(["10.0.0.1", "10.0.0.2", "2001:db8::7"]);
    expect(await lookUp("six.example", soon())).toEqual(["2001:db8::7"]);
    expect(await lookUp("nothing.example", soon())).toEqual([]);
    await expect(lookUp("failing.example", soon())).rejects.toMatchObject({ reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "name service" } });
  });

  test("of the hosts file, and localhost, is looked up nowhere else", async () => {
    await using server = await startNameServer(() => ["10.9.9.9"]);
    const lookUp = await nameService(server, { hosts: "2001:db8::1 shop # ours\n10.0.0.5\tother SHOP\n" });
    expect(await lookUp("Shop", soon())).toEqual(["10.0.0.5", "2001:db8::1"]);
    expect(await lookUp("localhost", soon())).toEqual(["127.0.0.1", "::1"]);
    expect(await lookUp("a.localhost", soon())).toEqual(["127.0.0.1", "::1"]);
    expect(server.asked).toEqual([]);
  });

  test("is looked up in the domains of the search list; one that fails does not hide the next", async () => {
    await using server = await startNameServer((name) => said[name] ?? (name.endsWith(".bad.local") ? "failed" : "unknown"));
    const lookUp = await nameService(server, { resolv: "search bad.local svc.local\n" });
    expect(await lookUp("shop", soon())).toEqual(["10.0.0.9"]);
    expect(server.asked).toEqual(["shop.bad.local", "shop.svc.local"]);
    await expect(lookUp("pay", soon())).rejects.toMatchObject({ kind: "unavailable" });
  });
});

test.each([
  ["", "shop", ["shop"]],
  ["search a.local b.local.", "shop", ["shop.a.local", "shop.b.local", "shop"]],
  ["search a.local", "shop.example", ["shop.example", "shop.example.a.local"]],
  ["search a.local\noptions timeout:1 ndots:2 # as in clusters", "shop.example", ["shop.example.a.local", "shop.example"]],
  ["search a.local\ndomain b.local", "shop", ["shop.b.local", "shop"]],
  ["search .", "shop", ["shop"]],
  ["; search a.local", "shop", ["shop"]],
])("with %j, %s may mean %j", (resolv, host, names) => {
  expect(candidates(host, resolv)).toEqual(names);
});

test("lines of the hosts file that are none are passed over", () => {
  const hosts = "\n# 10.0.0.1 shop\nfe80::1%lo0 shop\nnonsense shop\n10.0.0.2 a shop b\n10.0.0.2 shop\n10.0.0.3";
  expect(addressesIn(hosts, "shop")).toEqual(["10.0.0.2"]);
});

describe("a host", () => {
  async function resolver(say: (name: string) => Said, options: HostResolverOptions = {}) {
    const server = await startNameServer(say);
    const lookUp = await nameService(server);
    return Object.assign(createHostResolver(policy, { lookUp, ...options }), { [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
  }

  test("is the address that is called; no answer may be a denied one", async () => {
    await using resolve = await resolver((name) =>
      name === "good.example" ? ["10.0.0.1"] : name === "bad.example" ? ["10.0.0.1", "169.254.169.254"] : "unknown",
    );
    expect(await resolve("10.1.2.3", "ci", soon())).toEqual({ address: "10.1.2.3" });
    expect(await resolve("good.example", "ci", soon())).toEqual({ address: "10.0.0.1" });
    expect(await resolve("bad.example", "ci", soon())).toMatchObject({ reason: "HOST_DENIED" });
    expect(await resolve("none.example", "ci", soon())).toEqual({ violation: "cannot be resolved", reason: "HOST_UNRESOLVABLE" });
  });

  test("whose name servers are silent is not known to have no address", async () => {
    await using resolve = await resolver(() => "silent", { limitMs: 50 });
    await expect(resolve("silent.example", "ci", soon())).rejects.toMatchObject({
      kind: "unavailable",
      reason: "DEPENDENCY_UNAVAILABLE",
      message: "name service unavailable: it did not say within 50 ms what the address of silent.example is",
    });
  });

  test("is given up with the reason of who gives up", async () => {
    await using resolve = await resolver(() => "silent");
    const given = new AbortController();
    const resolving = resolve("silent.example", "ci", given.signal);
    const why = new Error("enough");
    given.abort(why);
    await expect(resolving).rejects.toBe(why);
    await expect(resolve("10.0.0.1", "ci", given.signal)).rejects.toBe(why);
  });

  test("of one caller, in any number and with silent name servers, holds up nobody else", async () => {
    await using resolve = await resolver((name) => (name === "good.example" ? ["10.0.0.1"] : "silent"));
    const stopped = new AbortController();
    const silent = Array.from({ length: 400 }, (_, index) => resolve(`silent-${index}.example`, "greedy", stopped.signal));
    const ends = Promise.allSettled(silent);
    await expect(resolve("one-more.example", "greedy", soon())).rejects.toMatchObject({
      kind: "exhausted",
      reason: "TOO_MANY_REQUESTS",
      subject: { name: "greedy" },
    });
    for (let round = 0; round < 20; round++) {
      expect(await resolve("localhost", `other ${round}`, soon())).toEqual({ address: "127.0.0.1" });
      expect(await resolve("good.example", `other ${round}`, soon())).toEqual({ address: "10.0.0.1" });
    }
    stopped.abort(new Error("enough"));
    await ends;
    expect(await resolve("good.example", "greedy", soon())).toEqual({ address: "10.0.0.1" });
  });
});
