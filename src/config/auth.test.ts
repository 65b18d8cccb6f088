import { describe, expect, test } from "vitest";
import { ConfigError, parseConfig } from "./config.ts";

const tls = { MUSTER_TLS_CERT: "c.pem", MUSTER_TLS_KEY: "k.pem", MUSTER_TLS_CLIENT_CA: "ca.pem" };

function authOf(value: string) {
  return parseConfig({ MUSTER_AUTH: value, ...tls }, () => "").auth;
}

function problemsOf(value: string, settings = {}): readonly string[] {
  try {
    parseConfig({ MUSTER_AUTH: value, ...tls, ...settings }, () => "");
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
  }
  return [];
}

describe("MUSTER_AUTH", () => {
  test("is a list of what identifies callers", () => {
    const keycloak =
      "oidc+https://login.example.org/realms/acme?audience=muster&audience=api&roles=/resource_access/muster/roles&groups=/g&tenant=/t&enabled=/on&name=/n&untyped=accept&viewer=*&admin=ops,root";
    const auth = authOf(
      `tokens:/etc/my tokens.json oidc+https://b.example.org/?audience=muster&tenant=acme\n  ${keycloak} spiffe://example.org?tenant=x&registrar=/ns/ci/*`,
    );
    expect(auth).toEqual({
      kind: "credentials",
      tokens: "/etc/my tokens.json",
      issuers: [
        {
          issuer: "https://b.example.org/",
          audiences: ["muster"],
          takesUntyped: false,
          roles: ["/roles"],
          groups: ["/groups"],
          tenant: { name: "acme" },
          enabled: undefined,
          name: "/preferred_username",
          grants: {},
        },
        {
          issuer: "https://login.example.org/realms/acme",
          audiences: ["muster", "api"],
          takesUntyped: true,
          roles: ["/resource_access/muster/roles"],
          groups: ["/g"],
          tenant: { claim: "/t" },
          enabled: "/on",
          name: "/n",
          grants: { viewer: ["*"], admin: ["ops", "root"] },
        },
      ],
      workloads: [{ trustDomain: "example.org", tenant: "x", grants: { registrar: ["/ns/ci/*"] } }],
    });
  });

  test.each([
    ["oidc+https://i.example.org", /needs audience=NAME/],
    ["oidc+https://i.example.org?audience=", /needs audience=NAME/],
    ["oidc+http://i.example.org?audience=a", /must be an https URL/],
    ["oidc+https://me:hunter2@i.example.org?audience=a", /must be an https URL/],
    ["oidc+https://i.example.org#x?audience=a", /must be an https URL/],
    ["oidc+https://i|x.example.org?audience=a", /must be an https URL/],
    ["oidc+https://i.example.org?audience=a&role=/x", /"role", which is not known; did you mean roles\?/],
    ["oidc+https://i.example.org?audience=a&roles=x", /roles of .*"x" must be a JSON Pointer/],
    ["oidc+https://i.example.org?audience=a&groups=/a~2", /must be a JSON Pointer/],
    ["oidc+https://i.example.org?audience=a&enabled=on", /must be a JSON Pointer/],
    ["oidc+https://i.example.org?audience=a&tenant=a b", /tenant of .*must be 1 to 64/],
    ["oidc+https://i.example.org?audience=a&admin=x&admin=y", /has admin twice/],
    ["oidc+https://i.example.org?audience=a&untyped=yes", /must be accept or refuse/],
    ["oidc+https://i.example.org?audience=a oidc+https://i.example.org?audience=b", /is there twice/],
    ["tokens:a tokens:b", /several token files/],
    ["open tokens:a", /must be open, or one or more/],
    ["tokens:", /must be open, or one or more/],
    ["ldap://x", /must be open, or one or more/],
    ["", /refused on a non-loopback address/],
    ["spiffe://Example.org", /must be spiffe:\/\/ and a trust domain/],
    ["spiffe://example.org/x", /must be spiffe:\/\/ and a trust domain/],
    ["spiffe://example.org?admin=ops", /admin of .*must be a path/],
    ["spiffe://example.org?admin=/a/*/b", /must be a path/],
    ["spiffe://example.org?audience=x", /"audience", which is not known/],
  ])("%s is refused", (value, problem) => {
    const problems = problemsOf(value, value === "" ? { MUSTER_LISTEN: "0.0.0.0:1" } : {});
    expect(problems.join("\n")).toMatch(problem);
    expect(problems.join("\n")).not.toContain("hunter2");
  });

  test("a provider on this machine may speak plain HTTP, and certificates need an authority", () => {
    expect(problemsOf("oidc+http://127.0.0.1:8080/realms/a?audience=a")).toEqual([]);
    expect(problemsOf("oidc+http://localhost:8080?audience=a")).toEqual([]);
    expect(problemsOf("spiffe://example.org", { MUSTER_TLS_CLIENT_CA: "" })).toEqual(["MUSTER_AUTH: spiffe:// needs MUSTER_TLS_CLIENT_CA"]);
    expect(problemsOf("spiffe://example.org", { MUSTER_TLS_CLIENT_AUTH: "optional" })).toEqual([]);
    expect(problemsOf("spiffe://example.org", { MUSTER_TLS_CLIENT_AUTH: "perhaps" })).toEqual([
      'MUSTER_TLS_CLIENT_AUTH: "perhaps" must be required or optional',
    ]);
    expect(problemsOf("oidc+http://127.0.0.1:8080?audience=a", { MUSTER_TLS_CLIENT_CA: "", MUSTER_TLS_CLIENT_AUTH: "optional" })).toEqual([
      "MUSTER_TLS_CLIENT_AUTH: optional needs MUSTER_TLS_CLIENT_CA",
    ]);
  });
});
