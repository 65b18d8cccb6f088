import { expect, test } from "vitest";
import { parseDirectory } from "./directory.ts";

const keycloak = "keycloak+https://login.example.org/auth/realms/acme";

test("a directory behind a URL, and that of a Keycloak realm", () => {
  const problems: string[] = [];
  const url = "https://hr.example.org/people?all=1";
  expect(parseDirectory(url, "", problems)).toEqual({ kind: "http", url, secret: undefined });
  expect(parseDirectory("http://127.0.0.1:8080/people", "s", problems)).toMatchObject({ secret: "s" });
  const issuer = "https://login.example.org/auth/realms/acme";
  const realm = { kind: "keycloak", issuer, client: "muster-directory", secret: "s", rolesOf: undefined, tenant: "default" };
  expect(parseDirectory(keycloak, "s", problems)).toEqual(realm);
  expect(parseDirectory(`${keycloak}?client=c&roles_of=muster&tenant=x`, "s", problems)).toEqual({ ...realm, client: "c", rolesOf: "muster", tenant: "x" });
  expect(problems).toEqual([]);
});

test.each([
  ["http://hr.example.org/people", "s", /must be https; http is for this machine alone/],
  ["https://u:hunter2@hr.example.org/people", "s", /must be file:PATH/],
  ["keycloak+http://login.example.org/realms/a", "s", /must be https/],
  ["keycloak+https://login.example.org/admin", "s", /must be https:\/\/HOST\/realms\/NAME/],
  [keycloak, "", /needs MUSTER_DIRECTORY_SECRET/],
  [`${keycloak}?role=x`, "s", /"role"; there are client, roles_of and tenant/],
  [`${keycloak}?tenant=a b`, "s", /tenant must be 1 to 64/],
  ["ldap://x", "s", /must be file:PATH, https/],
])("%s with the secret %j is refused", (value, secret, problem) => {
  const problems: string[] = [];
  parseDirectory(value, secret, problems);
  expect(problems.join()).toMatch(problem);
  expect(problems.join()).not.toContain("hunter2");
});
