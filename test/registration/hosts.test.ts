/** What becomes of a request by what the hosts in it resolve to. */
import { expect, test } from "vitest";
import { unavailable } from "../../src/kernel/errors.ts";
import { validateRegistration, type ResolvedHost } from "../../src/registration/register.ts";
import { caller, inputFor, openWorkshop, port } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);

const bad = {
  denied: { violation: "is denied", reason: "HOST_DENIED" },
  unknown: { violation: "has no address", reason: "HOST_UNRESOLVABLE" },
} satisfies Record<string, ResolvedHost>;

test.each([
  [["denied.example", "10.0.0.1"], "HOST_DENIED"],
  [["unknown.example", "10.0.0.1"], "HOST_UNRESOLVABLE"],
  [["denied.example", "denied.example"], "HOST_DENIED"],
  [["unknown.example", "unknown.example"], "HOST_UNRESOLVABLE"],
  [["denied.example", "unknown.example"], "HOST_DENIED"],
  [["unknown.example", "denied.example"], "HOST_DENIED"],
] as const)("hosts %j and nothing else are bad: %s", async ([advertisedHost, internalHost], reason) => {
  await using workshop = await openWorkshop();
  const resolveHost = async (name: string): Promise<ResolvedHost> => bad[name.split(".")[0] as keyof typeof bad] ?? { address: name };
  const deps = { ...workshop.replica().deps, resolveHost };
  const connectivity = { advertisedHost, advertisedPort: port, internalHost, tlsEnabled: false };
  const fields = [advertisedHost, internalHost].flatMap((name, index) =>
    name === "10.0.0.1"
      ? []
      : [
          {
            field: `connectivity.${index === 0 ? "advertised" : "internal"}_host`,
            description: bad[name === "denied.example" ? "denied" : "unknown"].violation,
          },
        ],
  );
  await expect(validateRegistration(deps, inputFor("parser", { connectivity }), caller, soon())).rejects.toMatchObject({ kind: "invalid", reason, fields });
  const worse = validateRegistration(deps, inputFor("parser", { connectivity, version: "a b" }), caller, soon());
  await expect(worse).rejects.toMatchObject({ reason: "INVALID_FIELDS", fields: [{ field: "version" }, ...fields] });
});

test("a host that cannot be looked up now is UNAVAILABLE, unless something is known to be wrong; the lookup is one of the caller", async () => {
  await using workshop = await openWorkshop();
  const shares: string[] = [];
  const resolveHost = async (_name: string, share: string) => {
    shares.push(share);
    throw unavailable("name service", "scripted");
  };
  const deps = { ...workshop.replica().deps, resolveHost };
  const at = (version: string) => inputFor("parser", { connectivity: { advertisedHost: "silent.example", advertisedPort: port, tlsEnabled: false }, version });
  await expect(validateRegistration(deps, at("1.0.0"), { ...caller, share: "10.0.0.7" }, soon())).rejects.toMatchObject({ reason: "DEPENDENCY_UNAVAILABLE" });
  await expect(validateRegistration(deps, at("a b"), caller, soon())).rejects.toMatchObject({ reason: "INVALID_FIELDS", fields: [{ field: "version" }] });
  expect(shares).toEqual(["10.0.0.7", caller.key]);
});

test("the address that is checked and called is that of the internal host, where there is one", async () => {
  await using workshop = await openWorkshop();
  const resolveHost = async (name: string) => ({ address: name === "inside" ? "10.0.0.2" : "10.0.0.1" });
  const deps = { ...workshop.replica().deps, resolveHost };
  const at = (internalHost?: string) =>
    inputFor("parser", { connectivity: { advertisedHost: "outside", advertisedPort: port, tlsEnabled: false, ...(internalHost ? { internalHost } : {}) } });
  expect((await validateRegistration(deps, at(), caller, soon())).address).toBe("10.0.0.1");
  expect((await validateRegistration(deps, at("inside"), caller, soon())).address).toBe("10.0.0.2");
});
