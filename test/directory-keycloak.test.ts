/** The directory of a Keycloak whose admin API answers as the test says: what is read is whole, or not used. */
import type { RequestListener, ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { directoryReader } from "../src/open-directory.ts";
import { startHttpServer, type HttpServer } from "./support/http-server.ts";

let users: string[];
/** Called before each answer of the admin API: false when it has answered itself. */
let before: (path: string, response: ServerResponse) => boolean;
let asked: string[];
let server: HttpServer;

const listener: RequestListener = (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const path = pathname.replace("/admin/realms/r", "");
  asked.push(request.url ?? "");
  if (pathname.endsWith("/token")) return void response.end('{"access_token": "t"}');
  if (!before(path, response)) return;
  const [first, max] = ["first", "max"].map((name) => Number(searchParams.get(name)));
  const all = path === "/users" ? users.toSorted().map((name) => ({ id: name, username: name, enabled: true })) : [];
  response.end(JSON.stringify(all.slice(first, (first ?? 0) + (max ?? 0))));
};

beforeEach(async () => {
  [asked, before] = [[], () => true];
  users = Array.from({ length: 250 }, (_, n) => `user-${String(n).padStart(3, "0")}`);
  server = await startHttpServer(listener);
});
afterEach(() => server[Symbol.asyncDispose]());

async function read(): Promise<readonly string[]> {
  const settings = { kind: "keycloak", issuer: `${server.url}/realms/r`, client: "c", secret: "hunter2", rolesOf: undefined, tenant: "default" } as const;
  const documents = await (await directoryReader(settings))(AbortSignal.timeout(5_000));
  return documents.get("default")?.members.map(({ name }) => name) ?? [];
}

test.each([1, 99, 100, 101, 199, 298])("a list of %i is whole", async (count) => {
  users = Array.from({ length: count }, (_, n) => `user-${n}`);
  expect(await read()).toEqual(users.toSorted());
});

test("a list that changes between its pages is read again: nobody is left out", async () => {
  let pages = 0;
  before = (path) => {
    if (path === "/users" && (pages += 1) === 2) users = users.slice(1);
    return true;
  };
  expect(await read()).toEqual(users);
  expect(pages).toBeGreaterThan(3);
});

test("one that always changes is not used", async () => {
  before = (path) => {
    if (path === "/users") users = users.slice(1);
    return true;
  };
  await expect(read()).rejects.toThrow("/users changes while it is read");
});

test("a list without pages is whole each time", async () => {
  before = (path, response) => {
    if (path !== "/roles") return true;
    response.end(JSON.stringify(Array.from({ length: 100 }, (_, n) => ({ id: `${n}`, name: `role-${n}`, composite: false }))));
    return false;
  };
  expect(await read()).toHaveLength(250);
  expect(asked.filter((url) => url.includes("/roles?"))).toHaveLength(2);
});

test.each([
  [
    "the rights are missing",
    (response: ServerResponse) => void response.writeHead(403).end('{"error": "unknown_error"}'),
    "HTTP 403 from /admin/realms/r/users",
  ],
  ["the session has ended", (response: ServerResponse) => void response.writeHead(401).end(), "HTTP 401"],
  ["it is being restarted", (response: ServerResponse) => void response.writeHead(503).end("<html>"), "HTTP 503"],
  ["it is a page", (response: ServerResponse) => void response.end("<html>"), "an answer is no JSON"],
  ["it is an object", (response: ServerResponse) => void response.end("{}"), "/users is no list"],
  ["it has things that are no objects", (response: ServerResponse) => void response.end("[1]"), "an answer is no object"],
  ["it has objects without ids", (response: ServerResponse) => void response.end("[{}]"), "an answer has no id"],
  ["it redirects", (response: ServerResponse) => void response.writeHead(302, { location: "/" }).end(), "HTTP 302"],
  ["it breaks off", (response: ServerResponse) => void response.destroy(), "no connection"],
  ["it has nobody", (response: ServerResponse) => void response.end("[]"), "the realm has no users"],
])("an answer is not used when %s, and the secret is in no error", async (_how, bad, said) => {
  before = (path, response) => {
    if (path !== "/users") return true;
    bad(response);
    return false;
  };
  const error: unknown = await read().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: "unavailable", message: expect.stringContaining(said) as string });
  expect(JSON.stringify(error)).not.toContain("hunter2");
});
