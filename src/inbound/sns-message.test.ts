import { generateKeyPairSync, sign, type X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isSignedBy, maxAgeMs, maxAheadMs, readSns, topicViolation, type SnsMessage } from "./sns-message.ts";

const topic = "arn:aws:sns:us-east-1:123456789012:markets";
const now = Date.parse("2026-11-26T12:00:00.000Z");
const rules = { topics: [topic], typeHeader: undefined, nowMs: now };

const notification = {
  Type: "Notification",
  MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  TopicArn: topic,
  Subject: "My First Message",
  Message: "Hello world!",
  Timestamp: "2026-11-26T12:00:00.000Z",
  SignatureVersion: "1",
  Signature: "c2ln",
  SigningCertURL: "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
  UnsubscribeURL: "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=a",
};
const subscribe = `https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topic}&Token=2336412f37`;
const { Subject: _, ...plain } = notification;
const confirmation = { ...plain, Type: "SubscriptionConfirmation", Token: "2336412f37", SubscribeURL: subscribe };

function read(fields: object): SnsMessage {
  const message = readSns(JSON.stringify(fields), rules);
  if ("code" in message) throw new Error(message.why);
  return message;
}

function refusalOf(fields: object, more: Partial<typeof rules> = {}): string {
  const message = readSns(JSON.stringify(fields), { ...rules, ...more });
  return "code" in message ? message.code : "none";
}

describe("what is signed", () => {
  const id = "MessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n";
  const end = (type: string) => `TopicArn\n${topic}\nType\n${type}\n`;
  const time = "Timestamp\n2026-11-26T12:00:00.000Z\n";
  const subscription = `SubscribeURL\n${subscribe}\n${time}Token\n2336412f37\n`;
  test.each([
    ["a notification", notification, `Message\nHello world!\n${id}Subject\nMy First Message\n${time}${end("Notification")}`],
    ["one without a subject", plain, `Message\nHello world!\n${id}${time}${end("Notification")}`],
    ["one whose subject is null", { ...plain, Subject: null }, `Message\nHello world!\n${id}${time}${end("Notification")}`],
    ["one whose subject is empty", { ...plain, Subject: "" }, `Message\nHello world!\n${id}Subject\n\n${time}${end("Notification")}`],
    ["a subscription", confirmation, `Message\nHello world!\n${id}${subscription}${end("SubscriptionConfirmation")}`],
    [
      "a subscription, in which a subject has no part",
      { ...confirmation, Subject: "s" },
      `Message\nHello world!\n${id}${subscription}${end("SubscriptionConfirmation")}`,
    ],
    ["an end of it", { ...confirmation, Type: "UnsubscribeConfirmation" }, `Message\nHello world!\n${id}${subscription}${end("UnsubscribeConfirmation")}`],
  ])("of %s", (_what, fields, text) => {
    expect(read(fields).signed).toBe(text);
  });

  test("is verified by the algorithm of its version, and by keys of RSA alone", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const certificate = { publicKey } as X509Certificate;
    for (const [version, algorithm, other] of [
      ["1", "RSA-SHA1", "RSA-SHA256"],
      ["2", "RSA-SHA256", "RSA-SHA1"],
    ]) {
      const message = read({ ...notification, SignatureVersion: version });
      const by = (name: string) => ({ ...message, signature: sign(name, Buffer.from(message.signed), privateKey).toString("base64") });
      expect(isSignedBy(by(algorithm ?? ""), certificate)).toBe(true);
      expect(isSignedBy(by(other ?? ""), certificate)).toBe(false);
    }
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const message = read({ ...notification, SignatureVersion: "2" });
    const signature = sign("SHA256", Buffer.from(message.signed), ec.privateKey).toString("base64");
    expect(isSignedBy({ ...message, signature }, { publicKey: ec.publicKey } as X509Certificate)).toBe(false);
    expect(isSignedBy({ ...message, signature: "?" }, certificate)).toBe(false);
  });

  test("is not what only its bytes have in common with it", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const message = read({ ...notification, Message: "\ufffd", SignatureVersion: "2" });
    const signature = sign("RSA-SHA256", Buffer.from(message.signed), privateKey).toString("base64");
    const other = { ...read({ ...notification, Message: "\ud800", SignatureVersion: "2" }), signature };
    expect(Buffer.from(other.signed)).toEqual(Buffer.from(message.signed));
    expect([{ ...message, signature }, other].map((one) => isSignedBy(one, { publicKey } as X509Certificate))).toEqual([true, false]);
  });

  test("cannot be split into other fields", () => {
    // Signed as the same text as a message with the text "a", if line breaks were allowed.
    expect(refusalOf({ ...plain, MessageId: "i\nSubject\ns" })).toBe("invalid_sns_message");
    expect(refusalOf({ ...plain, Message: "a", MessageId: "b", Subject: `c\nMessageId\nd` })).toBe("invalid_sns_message");
  });
});

describe("what is no message of SNS", () => {
  test.each(["", "{", "[]", "null", '"Notification"', "{}", '{"event_id": "e", "event_type": "market.approved"}'])("the body %j", (body) => {
    expect(readSns(body, rules)).toMatchObject({ code: "invalid_sns_message" });
  });

  test.each(["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL"])("one without %s", (name) => {
    expect(refusalOf({ ...notification, [name]: undefined })).toBe("invalid_sns_message");
    expect(refusalOf({ ...notification, [name]: 1 })).toBe("invalid_sns_message");
  });

  test("one of another type or version, and a confirmation without what confirms it", () => {
    expect(refusalOf({ ...notification, Type: "Other" })).toBe("invalid_sns_message");
    expect(refusalOf({ ...notification, SignatureVersion: "3" })).toBe("invalid_sns_message");
    expect(refusalOf({ ...notification, SignatureVersion: "constructor" })).toBe("invalid_sns_message");
    expect(refusalOf({ ...confirmation, Token: undefined })).toBe("invalid_sns_message");
    expect(refusalOf({ ...confirmation, SubscribeURL: undefined })).toBe("invalid_sns_message");
  });
});

describe("what is trusted", () => {
  test.each([
    [0, "none"],
    [-maxAgeMs, "none"],
    [-maxAgeMs - 1, "untrusted_sns_message"],
    [maxAheadMs, "none"],
    [maxAheadMs + 1, "untrusted_sns_message"],
  ])("sent %i ms from now: refused as %s", (off, code) => {
    expect(refusalOf({ ...notification, Timestamp: new Date(now + off).toISOString() })).toBe(code);
  });

  test.each([
    "now",
    "",
    "2026-11-26",
    "2026-11-26T12:00:00.000",
    "Thu, 26 Nov 2026 12:00:00 GMT",
    "2026-11-26T25:00:00Z",
    "2026-11-26T12:00:00+00:00",
    "at 2026-11-26T12:00:00Z",
    "2026-11-26T12:00:00Z (now)",
  ])("not one sent at %j", (Timestamp) => {
    expect(refusalOf({ ...notification, Timestamp })).toBe("untrusted_sns_message");
    expect(readSns(JSON.stringify({ ...notification, Timestamp }), rules)).toMatchObject({ why: expect.stringContaining("its Timestamp is no time of SNS") });
  });

  test("also without fractions of a second", () => {
    expect(refusalOf({ ...notification, Timestamp: "2026-11-26T12:00:00Z" })).toBe("none");
  });

  test("only of the type that its header says, when there is one, and of the topics of the source", () => {
    expect(refusalOf(notification, { typeHeader: "Notification" } as object)).toBe("none");
    expect(refusalOf(notification, { typeHeader: "SubscriptionConfirmation" } as object)).toBe("untrusted_sns_message");
    expect(refusalOf(notification, { topics: [] })).toBe("untrusted_sns_message");
    expect(refusalOf({ ...notification, TopicArn: `${topic}x` })).toBe("untrusted_sns_message");
  });

  const host = "sns.us-east-1.amazonaws.com";
  const path = "/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem";
  test.each([
    `http://${host}${path}`,
    `https://${host}.evil.example${path}`,
    `https://evil.example${path}`,
    `https://evil@${host}${path}`,
    `https://${host}@evil.example${path}`,
    `https://${host}:8443${path}`,
    `https://${host}:443${path}`,
    `https://${host}.${path}`,
    `https://SNS.us-east-1.amazonaws.com${path}`,
    `https://sns.eu-west-1.amazonaws.com${path}`,
    `https://${host}.cn${path}`,
    `https://s3.us-east-1.amazonaws.com/sns.us-east-1.amazonaws.com${path}`,
    `https://snsxus-east-1.amazonaws.com${path}`,
    `https://${host}/x.pem`,
    `https://${host}/a/..${path}`,
    `https://${host}/${path}`,
    `https://${host}\\@evil.example${path}`,
    `https://${host}${path}?x=.pem`,
    `https://${host}${path}#.pem`,
    `https://${host}${path}\n`,
    ` https://${host}${path}`,
    `https://${host}/SimpleNotificationService-.pem`,
    `https://${host}/SimpleNotificationService-zz.pem`,
    `file://${path}`,
    "",
  ])("no certificate at %j", (SigningCertURL) => {
    expect(refusalOf({ ...notification, SigningCertURL })).toBe("untrusted_sns_message");
  });

  const query = (action: string, arn: string, token: string, more = "") => `https://${host}/?Action=${action}&TopicArn=${arn}&Token=${token}${more}`;
  test.each([
    "http://169.254.169.254/latest/meta-data/",
    `https://169.254.169.254/?Action=ConfirmSubscription&TopicArn=${topic}&Token=2336412f37`,
    query("Unsubscribe", topic, "2336412f37"),
    query("ConfirmSubscription", `${topic}x`, "2336412f37"),
    query("ConfirmSubscription", topic, "other"),
    query("ConfirmSubscription", topic, "2336412f37", "&Action=Publish"),
    query("ConfirmSubscription", topic, "2336412f37", "&Other=1"),
    query("ConfirmSubscription", topic, "2336412f37", "#"),
    query("ConfirmSubscription", topic, "2336412f37", "\n"),
    ` ${query("ConfirmSubscription", topic, "2336412f37")}`,
    query("ConfirmSubscription", topic, "2336412f37").replace(host, `${host}.evil.example`),
    query("ConfirmSubscription", topic, "2336412f37").replace(host, `${host}@evil.example`),
    query("ConfirmSubscription", topic, "2336412f37").replace("/?", "/x?"),
    query("ConfirmSubscription", topic, "2336412f37").replace("us-east-1.", "eu-west-1."),
    query("ConfirmSubscription", topic, "2336412f37").replace("https", "http"),
    `${query("ConfirmSubscription", topic, "2336412f37")}&Token=2336412f37`,
  ])("no confirmation at %j", (SubscribeURL) => {
    expect(refusalOf({ ...confirmation, SubscribeURL })).toBe("untrusted_sns_message");
  });

  test("the hosts of China and of the government's regions", () => {
    const china = "arn:aws-cn:sns:cn-north-1:123456789012:t";
    const at = (arn: string, where: string) => refusalOf({ ...notification, TopicArn: arn, SigningCertURL: `https://${where}${path}` }, { topics: [arn] });
    expect(at(china, "sns.cn-north-1.amazonaws.com.cn")).toBe("none");
    expect(at(china, "sns.cn-north-1.amazonaws.com")).toBe("untrusted_sns_message");
    expect(at("arn:aws-us-gov:sns:us-gov-west-1:123456789012:t", "sns.us-gov-west-1.amazonaws.com")).toBe("none");
  });
});

describe("the ARN of a topic", () => {
  test.each([
    topic,
    "arn:aws-cn:sns:cn-northwest-1:123456789012:t",
    "arn:aws-us-gov:sns:us-gov-east-1:123456789012:a_b-C",
    "arn:aws:sns:ap-southeast-4:123456789012:t",
  ])("may be %s", (arn) => {
    expect(topicViolation(arn)).toBeUndefined();
  });

  test.each([
    ["decisions", "is the ARN of a standard topic"],
    ["arn:aws:sqs:us-east-1:123456789012:t", "is the ARN of a standard topic"],
    ["arn:aws:sns:us-east-1:123456789012:t.fifo", "is the ARN of a standard topic"],
    ["arn:aws:sns:us-east-1:12345678901:t", "is the ARN of a standard topic"],
    ["arn:aws:sns:us-east-1:123456789012:t:subscription", "is the ARN of a standard topic"],
    ["arn:aws:sns:us-east-1.evil.example:123456789012:t", "is the ARN of a standard topic"],
    ["arn:aws:sns:*:123456789012:t", "is the ARN of a standard topic"],
    ["arn:aws:sns:cn-north-1:123456789012:t", "names the region cn-north-1, which is in arn:aws-cn"],
    ["arn:aws-cn:sns:us-east-1:123456789012:t", "names the region us-east-1, which is in arn:aws"],
    ["arn:aws:sns:us-gov-west-1:123456789012:t", "names the region us-gov-west-1, which is in arn:aws-us-gov"],
  ])("is not %s: it %s", (arn, why) => {
    expect(topicViolation(arn)).toContain(why);
  });
});
