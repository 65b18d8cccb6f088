import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { newSecret, secretViolation, signatureViolation, signedHeaders } from "./signed-body.ts";

const at = 1_730_000_000_400;

describe("what is signed", () => {
  test("is the published vector of X-Approval-Signature", () => {
    const headers = signedHeaders({ id: "abc", body: '{"event_id":"abc","status":"approved"}', secrets: ["shared-secret"] }, at);
    expect(headers).toMatchObject({
      "X-Approval-Event-Id": "abc",
      "X-Approval-Timestamp": "1730000000",
      "X-Approval-Signature": "sha256=0b3b23ae51642190660a4949ccbb4c0c6413eb7be0040b3c175e2583930cbb2b",
    });
  });

  test("is accepted by the published package within five minutes, and not with another body, id, time or secret", () => {
    const secret = newSecret();
    const body = '{"a":"ä"}';
    const headers = { ...signedHeaders({ id: "msg-1", body, secrets: [secret] }, Date.now()) };
    const webhook = new Webhook(secret);
    expect(webhook.verify(body, headers)).toEqual({ a: "ä" });
    expect(() => webhook.verify(`${body} `, headers)).toThrow();
    expect(() => webhook.verify(body, { ...headers, "webhook-id": "msg-2" })).toThrow();
    expect(() => new Webhook(newSecret()).verify(body, headers)).toThrow();
    for (const off of [-301_000, 301_000])
      expect(() => webhook.verify(body, { ...signedHeaders({ id: "msg-1", body, secrets: [secret] }, Date.now() + off) })).toThrow();
  });

  test("while two secrets live, is signed by both; the header that has room for one is signed by the former", () => {
    const [present, former] = [newSecret(), newSecret()];
    const headers = { ...signedHeaders({ id: "msg-1", body: "{}", secrets: [present, former] }, Date.now()) };
    for (const secret of [present, former]) expect(new Webhook(secret).verify("{}", headers)).toEqual({});
    const hex = createHmac("sha256", former).update(`${headers["X-Approval-Timestamp"]}.{}`).digest("hex");
    expect(headers["X-Approval-Signature"]).toBe(`sha256=${hex}`);
  });

  test("is signed for X-Approval-Signature alone by a secret that is not of Standard Webhooks", () => {
    const [present, former] = [newSecret(), "an-old-receiver's-secret"];
    const alone = signedHeaders({ id: "msg-1", body: "{}", secrets: [former] }, Date.now());
    expect(alone).not.toHaveProperty("webhook-signature");
    const hex = createHmac("sha256", former).update(`${alone["X-Approval-Timestamp"]}.{}`).digest("hex");
    expect(alone["X-Approval-Signature"]).toBe(`sha256=${hex}`);
    const both = { ...signedHeaders({ id: "msg-1", body: "{}", secrets: [present, former] }, Date.now()) };
    expect(new Webhook(present).verify("{}", both)).toEqual({});
    expect(both["webhook-signature"]).not.toContain(" ");
  });

  test("without a secret, has its id and its time alone", () => {
    expect(Object.keys(signedHeaders({ id: "1", body: "{}", secrets: [] }, at))).toEqual([
      "webhook-id",
      "webhook-timestamp",
      "X-Approval-Event-Id",
      "X-Approval-Timestamp",
    ]);
  });
});

describe("a signature", () => {
  const secret = newSecret();
  const body = Buffer.from('{"a":"ä"}');
  const forms = {
    "X-Approval": ["x-approval-signature", "x-approval-timestamp"],
    "Standard Webhooks": ["webhook-signature", "webhook-id", "webhook-timestamp"],
  };
  /** What is wrong with a body that was signed at one time by one secret, and is verified at another. */
  function violation(
    form: keyof typeof forms,
    { by = secret, secrets = [secret], offMs = 0, atMs = at, body: came = body, change = {} as Readonly<Record<string, string>> },
  ) {
    const made = signedHeaders({ id: "msg-1", body: body.toString(), secrets: [by] }, atMs);
    const all: Readonly<Record<string, string>> = {
      ...Object.fromEntries(Object.entries(made).map(([name, value]) => [name.toLowerCase(), value])),
      ...change,
    };
    return signatureViolation((name) => (forms[form].includes(name) ? all[name] : undefined), came, secrets, at - (at % 1_000) + offMs);
  }

  test.each(Object.keys(forms) as (keyof typeof forms)[])("by %s counts from 300 s before to 300 s after, by any of the secrets, over each byte", (form) => {
    for (const offMs of [-300_000, 0, 300_000]) expect(violation(form, { offMs })).toBeUndefined();
    for (const offMs of [-301_000, 301_000]) expect(violation(form, { offMs })).toBe("out of time");
    expect(violation(form, { secrets: [newSecret(), secret] })).toBeUndefined();
    expect(violation(form, { secrets: [newSecret()] })).toBe("differs");
    for (let place = 0; place < body.length; place++) {
      const other = Buffer.from(body);
      other[place] = (other[place] ?? 0) ^ 1;
      expect(violation(form, { body: other })).toBe("differs");
    }
    // A new time, so that an old one would count, is signed, too.
    const later = String(Math.floor(at / 1_000) + 301);
    expect(violation(form, { offMs: 301_000, change: { "x-approval-timestamp": later, "webhook-timestamp": later } })).toBe("differs");
    expect(violation(form, { change: { "x-approval-signature": "", "webhook-signature": "" } })).toBe("differs");
    expect(violation(form, { by: secret, atMs: at * 1_000 })).toBe("out of time");
    expect(violation(form, { change: { "x-approval-timestamp": "soon", "webhook-timestamp": "soon" } })).toBe("unsigned");
  });

  test("by X-Approval counts in letters of either case", () => {
    const { "X-Approval-Signature": given = "" } = signedHeaders({ id: "msg-1", body: body.toString(), secrets: [secret] }, at);
    expect(violation("X-Approval", { change: { "x-approval-signature": given.toUpperCase() } })).toBeUndefined();
  });
});

test.each([
  [newSecret(), undefined],
  ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", undefined],
  ["0123456789abcdef", undefined],
  ["a".repeat(255), undefined],
  ["a".repeat(15), "must have 16 to 255 printable ASCII characters without spaces"],
  ["a".repeat(256), "must have 16 to 255 printable ASCII characters without spaces"],
  ["with a space in it", "must have 16 to 255 printable ASCII characters without spaces"],
  ["sixteen-letters-ä", "must have 16 to 255 printable ASCII characters without spaces"],
  ["whsec_tooshortinbase64", "must have Base64 after whsec_, of 16 bytes at least"],
  ["whsec_not-base64-at-all!!!!!!!!!!!!!!", "must have Base64 after whsec_, of 16 bytes at least"],
])("a secret that was brought, %s: %s", (secret, violation) => {
  expect(secretViolation(secret)).toBe(violation);
});

test("secrets are 32 random bytes, each another one", () => {
  const secrets = Array.from({ length: 100 }, newSecret);
  expect(new Set(secrets).size).toBe(100);
  expect(secrets.map((secret) => Buffer.from(secret.replace("whsec_", ""), "base64").length)).toEqual(Array(100).fill(32));
});
