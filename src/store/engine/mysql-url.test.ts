import { expect, test } from "vitest";
import { DomainError } from "../../kernel/errors.ts";
import { parseMysqlUrl } from "./mysql-url.ts";

test.for([
  ["mysql://muster:pw@db/muster", { host: "db", port: 3306, user: "muster", password: "pw", database: "muster", tls: "off" }],
  ["mysql://u%40x:p%2Fw%3A@db:3307/m?ssl=true", { host: "db", port: 3307, user: "u@x", password: "p/w:", database: "m", tls: "verify" }],
  ["mysql://u@[::1]:3306/m?ssl=insecure", { host: "::1", port: 3306, user: "u", password: "", database: "m", tls: "insecure" }],
] as const)("%s is taken apart", ([url, expected]) => {
  expect(parseMysqlUrl(url)).toEqual(expected);
});

test.for([
  "secret",
  "http://u:secret@db/m",
  "mysql://u:secret@db",
  "mysql://u:secret@db/",
  "mysql://u:secret@db/a/b",
  "mysql://u:secret%zz@db/m",
  "mysql:///m",
  "mysql://u:secret@db/m?ssl=maybe",
  "mysql://u:secret@db/m?ssl=constructor",
  "mysql://u:secret@db/m?multipleStatements=true",
])("%s is refused without being shown", (url) => {
  let refusal: unknown;
  try {
    parseMysqlUrl(url);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(DomainError);
  expect(refusal).toMatchObject({ kind: "invalid", reason: "INVALID_FIELDS" });
  expect(JSON.stringify(refusal) + String(refusal)).not.toMatch(/secret|zz/);
});
