import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { createCertificates } from "./sns-certificates.ts";

const pem = execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sns", "-keyout", "/dev/null"], {
  stdio: ["ignore", "pipe", "ignore"],
}).toString();
const now = Date.now() + 60_000;
const sns = { emulator: undefined };

test("one request is for all who want a certificate at the same time, and for all who want it later", async () => {
  const asked: string[] = [];
  const answer = Promise.withResolvers<string>();
  const find = createCertificates((url) => (asked.push(url), answer.promise));
  const all = Array.from({ length: 20 }, () => find("a", sns, now));
  answer.resolve(pem);
  expect(new Set((await Promise.all(all)).map((one) => one?.subject))).toEqual(new Set(["CN=sns"]));
  expect((await find("a", sns, now))?.subject).toBe("CN=sns");
  expect(asked).toEqual(["a"]);
});

test("a failure is everybody's who waits, and is not kept", async () => {
  let answers = 0;
  const find = createCertificates(() => ((answers += 1) === 1 ? Promise.reject(new Error("away")) : Promise.resolve(pem)));
  const [first, second] = await Promise.allSettled([find("a", sns, now), find("a", sns, now)]);
  expect([first.status, second.status, answers]).toEqual(["rejected", "rejected", 1]);
  expect(await find("a", sns, now)).toBeDefined();
});

test("what is none, or not valid, is not kept", async () => {
  const given: (string | undefined)[] = [undefined, "x", "", pem, pem, pem];
  let asked = 0;
  const find = createCertificates(async () => given[asked++]);
  const times = [now, now, now, now - 86_400_000, now + 3 * 86_400_000, now];
  const found: boolean[] = [];
  for (const time of times) found.push((await find("a", sns, time)) !== undefined);
  expect(found).toEqual([false, false, false, false, false, true]);
  // It has expired since, and is asked for once more.
  given.push(pem);
  expect([await find("a", sns, now + 3 * 86_400_000), asked]).toEqual([undefined, 7]);
});

test("eight are asked for at once, and no more", async () => {
  const answer = Promise.withResolvers<string>();
  let asked = 0;
  const find = createCertificates(() => ((asked += 1), answer.promise));
  const all = Array.from({ length: 8 }, (_, n) => find(`${n}`, sns, now));
  await expect(find("8", sns, now)).rejects.toMatchObject({ kind: "unavailable", metadata: { dependency: "Amazon SNS" } });
  expect(asked).toBe(8);
  answer.resolve(pem);
  await Promise.all(all);
  expect(await find("8", sns, now)).toBeDefined();
});

test("thirty-two are kept, the newest", async () => {
  const asked: string[] = [];
  const find = createCertificates(async (url) => (asked.push(url), pem));
  for (let n = 0; n < 33; n++) await find(`${n}`, sns, now);
  await find("1", sns, now);
  expect(asked).toHaveLength(33);
  await find("0", sns, now);
  expect(asked).toHaveLength(34);
});

test("those of an emulator are its own", async () => {
  const asked: (string | undefined)[] = [];
  const find = createCertificates(async (_url, emulator) => (asked.push(emulator), pem));
  for (const emulator of ["http://127.0.0.1:1", "http://127.0.0.1:2", undefined, "http://127.0.0.1:1"]) await find("a", { emulator }, now);
  expect(asked).toEqual(["http://127.0.0.1:1", "http://127.0.0.1:2", undefined]);
});
