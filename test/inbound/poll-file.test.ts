/** `poll` of the file of sources: what it is read as, and what is refused, where, without its secrets. */
import { expect, test } from "vitest";
import { parseSources } from "../../src/adapters/inbound-file/parse.ts";
import { DomainError } from "../../src/kernel/errors.ts";

const rest = 'approve: [x], subject: {approval: /id}, voter: {key: "s|a"}';
const read = (poll: string, more = "") => parseSources(`sources:\n  - {name: a, ${more}poll: ${poll}, ${rest}}`, { isOnLoopback: false });

test("a source may be read alone, by default each ten seconds with its key as x-api-key; or send, too", () => {
  expect(read("{url: 'https://core/api/v1/events?event_type=a,b', key: secret}")).toMatchObject([
    {
      secrets: [],
      isUnsigned: false,
      poll: { url: "https://core/api/v1/events?event_type=a,b", headers: { "x-api-key": "secret" }, everyMs: 10_000, cursor: undefined },
    },
  ]);
  const whole = "{url: 'http://[::1]:1/e', key: Bearer secret, header: Authorization, every: 1m, cursor: {param: after, from: /-/event_id}}";
  expect(read(whole, "secrets: [0123456789abcdef], ")).toMatchObject([
    {
      secrets: ["0123456789abcdef"],
      poll: { headers: { authorization: "Bearer secret" }, everyMs: 60_000, cursor: { param: "after", from: "/-/event_id" } },
    },
  ]);
  expect(read("{url: 'http://127.0.0.1:1/e'}")).toMatchObject([{ poll: { headers: {} } }]);
});

test.each([
  ["{key: s3cret}", "sources[0].poll.url: it is required (line 2, column 21)"],
  ["{url: 'https://h/', keys: s3cret}", "sources[0].poll.keys: it is not known; did you mean key?"],
  ["{url: s3cret}", "sources[0].poll.url: it is a URL, such as https://host/api/v1/events (line 2, column 27)"],
  ["{url: 'ftp://s3cret'}", "it is a URL, such as https://host/api/v1/events"],
  ["{url: 'http://core/?k=s3cret'}", "it is https; http is for loopback alone"],
  ["{url: 'http://127.0.0.1.example/'}", "it is https; http is for loopback alone"],
  ["{url: 'https://amy:s3cret@core/'}", "it has no user, no password and no fragment: give the key as key"],
  ["{url: 'https://core/?limit=many'}", "limit in its query is a number from 1 to 9999"],
  ['{url: "https://core/", key: "s3cret\\n"}', "a key has 1 to 4096 printable ASCII characters"],
  ["{url: 'https://core/', key: 5}", "it is text: put it in quotes"],
  ["{url: 'https://core/', key: [s3cret]}", "it is text"],
  ["{url: 'https://core/', key: s3cret, header: Host}", "it is the name of a header for the key"],
  ["{url: 'https://core/', key: s3cret, header: 'a b'}", "it is the name of a header for the key"],
  ["{url: 'https://core/', header: x-key}", "there is no key to be sent in it"],
  ["{url: 'https://core/', every: 10}", "it is a time span"],
  ["{url: 'https://core/', every: 2h}", "it is from 1s to 1h"],
  ["{url: 'https://core/', cursor: {param: after}}", "sources[0].poll.cursor.from: it is required"],
  ["{url: 'https://core/', cursor: {param: after, from: next}}", "it is a JSON Pointer"],
  ["{url: 'https://core/', cursor: {param: 'a&b', from: /next}}", "it is the name of a parameter of the query"],
  ["{url: 'https://core/?after=1', cursor: {param: after, from: /next}}", "its query has the parameter of the cursor, after"],
])("%s is refused: %s", (poll, why) => {
  let said = "";
  try {
    read(poll);
  } catch (error) {
    said = error instanceof DomainError ? error.message : "";
  }
  expect(said).toContain(why);
  expect(said).not.toContain("s3cret");
});
