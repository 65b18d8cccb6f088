/** Which events, which URLs, which pauses. */
import { describe, expect, test } from "vitest";
import { fits, subjectViolation } from "./filter.ts";
import { pausesMs, pauseMs } from "./schedule.ts";
import { urlViolation } from "./url.ts";

const about = (type: string, subject: string) => ({ type, subject: { type: subject.split("/")[0] ?? "", id: subject.split("/").slice(1).join("/") } });

describe("a filter", () => {
  test.each([
    [[], [], true],
    [["request_approved"], [], true],
    [["request_rejected"], [], false],
    [[], ["release"], true],
    [[], ["releases", "release"], true],
    [[], ["rel"], false],
    [[], ["release/a/b"], true],
    [[], ["release/a"], false],
    [[], ["release/a*"], true],
    [[], ["release/*"], true],
    [[], ["release/b*"], false],
    [["request_rejected"], ["release"], false],
  ])("types %j, subjects %j: %j", (types, subjects, isWanted) => {
    expect(fits({ types, subjects }, about("request_approved", "release/a/b"))).toBe(isWanted);
  });

  test.each(["", "a b", "type/", "type/a*b", "*", "type/**"])("is refused: subject %j", (subject) => {
    expect(subjectViolation(subject)).toBeDefined();
  });
});

describe("a URL", () => {
  const hosts = {
    violation: (host: string) => (host === "169.254.169.254" ? "is denied" : undefined),
    isLoopback: (host: string) => ["localhost", "127.0.0.1", "::1"].includes(host),
  };
  test.each([
    ["https://example.org/hook?a=b", true, undefined],
    ["https://example.org:8443", true, undefined],
    ["http://127.0.0.1:9000/x", true, undefined],
    ["http://[::1]:9000/x", false, undefined],
    ["http://localhost", false, undefined],
    ["http://example.org", true, "must be https, since its host is not loopback"],
    ["https://example.org", false, "must be on loopback, since no secret signs what it is sent"],
    ["https://169.254.169.254/latest", true, "has a host that is denied"],
    // Other spellings of the same address are read as it.
    ["https://0xa9fea9fe/", true, "has a host that is denied"],
    ["http://127.1:80/", true, undefined],
    ["https://user:pw@example.org", true, "must have no user and no password: deliveries are signed"],
    ["https://example.org/#x", true, "must have no fragment"],
    ["ftp://example.org", true, "must be https, or http on loopback"],
    ["file:///etc/passwd", true, "must be https, or http on loopback"],
    ["example.org", true, "must be a URL of at most 2048 printable ASCII characters"],
    ["", true, "must be a URL of at most 2048 printable ASCII characters"],
    [`https://example.org/${"a".repeat(2_048)}`, true, "must be a URL of at most 2048 printable ASCII characters"],
  ])("%s (signed: %j): %s", (url, isSigned, violation) => {
    expect(urlViolation(url, isSigned, hosts)).toBe(violation);
  });
});

describe("the pauses", () => {
  const now = Date.UTC(2026, 0, 1);
  test("are a minute to six hours, up to a tenth longer, the same for the same event, another for others", () => {
    for (const [index, pause] of pausesMs.entries()) {
      const made = Array.from({ length: 200 }, (_, n) => pauseMs(index + 1, `event-${n}`, "", now) ?? 0);
      expect(Math.min(...made)).toBeGreaterThanOrEqual(pause);
      expect(Math.max(...made)).toBeLessThanOrEqual(pause * 1.1);
      expect(new Set(made).size).toBeGreaterThan(150);
      expect(pauseMs(index + 1, "event-7", "", now)).toBe(made[7]);
    }
    expect(pauseMs(pausesMs.length + 1, "event", "", now)).toBeUndefined();
  });

  test.each([
    ["120", 120_000],
    [new Date(now + 180_000).toUTCString(), 180_000],
    ["Thursday, 01-Jan-26 00:03:00 GMT", 180_000],
    ["Thu Jan  1 00:03:00 2026", 180_000],
    ["9999999", 86_400_000],
    ["99999999999", 86_400_000],
  ])("are as long as Retry-After %s says", (header, ms) => {
    expect(pauseMs(1, "event", header, now)).toBe(ms);
  });

  test.each(["1", "-5", "-3000", "2099-01-01", "in 2099", "1.5", "soon", new Date(now - 60_000).toUTCString()])(
    "are not other ones because of Retry-After %s",
    (header) => {
      expect(pauseMs(1, "event", header, now)).toBe(pauseMs(1, "event", "", now));
    },
  );
});
