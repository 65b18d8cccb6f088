import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { newSecret, signedHeaders } from "./signed-body.ts";

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

  test("without a secret, has its id and its time alone", () => {
    expect(Object.keys(signedHeaders({ id: "1", body: "{}", secrets: [] }, at))).toEqual([
      "webhook-id",
      "webhook-timestamp",
      "X-Approval-Event-Id",
      "X-Approval-Timestamp",
    ]);
  });
});

test("secrets are 32 random bytes, each another one", () => {
  const secrets = Array.from({ length: 100 }, newSecret);
  expect(new Set(secrets).size).toBe(100);
  expect(secrets.map((secret) => Buffer.from(secret.replace("whsec_", ""), "base64").length)).toEqual(Array(100).fill(32));
});
