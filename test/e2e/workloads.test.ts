/** Callers by their client certificates in the whole program, over both ways. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import type { TLSSocket } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApprovalService } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ask, usePolicy } from "../support/approvals.ts";
import { connect, refusal } from "../support/client.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";

const { unregister } = PlatformRegistrationService.method;
const { listApprovals } = ApprovalService.method;

let folder = "";
let backing: Backing;
let muster: MusterProcess;
const file = (name: string): string => join(folder, name);
const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });

function newKey(name: string): void {
  openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", file(`${name}.key`));
}

/** A certificate of our authority with these names. */
function issue(name: string, names: string): { readonly cert: Buffer; readonly key: Buffer } {
  newKey(name);
  openssl("req", "-new", "-key", file(`${name}.key`), "-subj", `/CN=${name}`, "-out", file(`${name}.csr`));
  writeFileSync(file(`${name}.ext`), names === "" ? "basicConstraints=CA:FALSE\n" : `subjectAltName=${names}\n`);
  const authority = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2"];
  openssl("x509", "-req", "-in", file(`${name}.csr`), ...authority, "-extfile", file(`${name}.ext`), "-out", file(`${name}.crt`));
  return { cert: readFileSync(file(`${name}.crt`)), key: readFileSync(file(`${name}.key`)) };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "muster-workloads-"));
  newKey("ca");
  openssl("req", "-x509", "-new", "-key", file("ca.key"), "-subj", "/CN=ca", "-days", "2", "-out", file("ca.crt"));
  issue("server", "DNS:localhost,IP:127.0.0.1");
  const sha256 = createHash("sha256").update("of-the-file").digest("hex");
  writeFileSync(file("tokens.json"), JSON.stringify({ tokens: [{ principal: "ci", roles: ["viewer"], sha256 }] }));
  backing = await embeddedBacking();
  muster = await startMuster({
    ...backing.env,
    MUSTER_AUTH: `spiffe://example.org?viewer=*&registrar=/ns/ci/*&admin=/ops&tenant=acme tokens:${file("tokens.json")}`,
    MUSTER_TLS_CERT: file("server.crt"),
    MUSTER_TLS_KEY: file("server.key"),
    MUSTER_TLS_CLIENT_CA: file("ca.crt"),
  });
});
afterAll(async () => {
  await muster[Symbol.asyncDispose]();
  await backing[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Reason of an Unregister without a name by plain gRPC, which must be that of JSON over HTTP/2 and over HTTP/1.1. */
async function reasonFor(name: string, names: string, token?: string): Promise<string> {
  const pair = { ca: readFileSync(file("ca.crt")), ...issue(name, names) };
  using client = connect(muster.address, { tls: pair, ...(token === undefined ? {} : { token }) });
  const { reason } = await refusal(client, unregister, {});
  const path = `/${PlatformRegistrationService.typeName}/Unregister`;
  const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const session = http2.connect(`https://${muster.address}`, pair);
  const stream = session.request({ ":method": "POST", ":path": path, ...headers });
  stream.end("{}");
  const over2 = Buffer.concat(await Array.fromAsync<Buffer>(stream)).toString();
  session.destroy();
  const over1 = await new Promise<string>((resolve, reject) => {
    const request = https.request(`https://${muster.address}${path}`, { method: "POST", headers, ...pair }, async (response) => {
      resolve(Buffer.concat(await Array.fromAsync<Buffer>(response)).toString());
    });
    request.on("error", reject).end("{}");
  });
  for (const answer of [over2, over1]) expect(answer).toContain(`"${reason}"`);
  return reason;
}

test.each([
  ["of a path that may", "URI:spiffe://example.org/ns/ci/sa/deploy", "INVALID_FIELDS"],
  ["of a path that may not", "URI:spiffe://example.org/ns/ci", "PERMISSION_DENIED"],
  ["beside names that are no URI", "DNS:a.example.org,URI:spiffe://example.org/ns/ci/x,email:a@example.org", "INVALID_FIELDS"],
  ["of another trust domain", "URI:spiffe://example.com/ns/ci/x", "UNAUTHENTICATED"],
  ["without any name", "", "UNAUTHENTICATED"],
  ["with two URIs", "URI:spiffe://example.org/ns/ci/x,URI:https://example.org/", "UNAUTHENTICATED"],
  ["with two SPIFFE ids", "URI:spiffe://example.org/ns/ci/x,URI:spiffe://example.org/ops", "UNAUTHENTICATED"],
  ["with another URI", "URI:https://example.org/ns/ci/x", "UNAUTHENTICATED"],
  ["without a path", "URI:spiffe://example.org", "UNAUTHENTICATED"],
  ["with a path that leads elsewhere", "URI:spiffe://example.org/ns/ci/../../ops", "UNAUTHENTICATED"],
  ["with a query", "URI:spiffe://example.org/ns/ci/x?a=b", "UNAUTHENTICATED"],
  ["with the id in a DNS name", 'DNS:"a, URI:spiffe://example.org/ns/ci/x, b"', "UNAUTHENTICATED"],
])("a certificate %s", async (_what, names, reason) => {
  const quoted = names.startsWith('DNS:"') ? "@names\n[names]\nDNS.1=a\\, URI:spiffe://example.org/ns/ci/x\\, b" : names;
  expect(await reasonFor(`client-${expect.getState().currentTestName?.replaceAll(/\W/g, "-")}`, quoted)).toBe(reason);
});

test("a token comes before the certificate, and a wrong one is not made good by it", async () => {
  expect(await reasonFor("with-token", "URI:spiffe://example.org/ns/ci/x", "of-the-file")).toBe("PERMISSION_DENIED");
  expect(await reasonFor("with-wrong-token", "URI:spiffe://example.org/ns/ci/x", "wrong")).toBe("UNAUTHENTICATED");
});

test("a workload is a principal of its tenant, also when its TLS session is resumed", async () => {
  const ca = readFileSync(file("ca.crt"));
  using ops = connect(muster.address, { tls: { ca, ...issue("ops", "URI:spiffe://example.org/ops") } });
  await usePolicy(ops, "key: docs\nsubject: document\nttl: 7d\nstages:\n  - {id: team, requirements: [{id: one, who: {users: [amy]}, need: 1}]}\n");
  const opened = await ask(ops, { policyKey: "docs", subject: { type: "document", id: "1", digest: "d" } });
  expect(opened.requesters).toMatchObject([{ key: "spiffe|spiffe://example.org/ops" }]);
  using ci = connect(muster.address, { tls: { ca, ...issue("elsewhere", "DNS:x") }, token: "of-the-file" });
  expect((await ci.unary(listApprovals, {})).approvals).toEqual([]);

  const pair = { ca, ...issue("again", "URI:spiffe://example.org/ns/ci/x") };
  const call = (session?: Buffer) =>
    new Promise<{ readonly body: string; readonly isResumed: boolean; readonly session: Buffer | undefined }>((resolve, reject) => {
      let ticket: Buffer | undefined;
      const options = { method: "POST", headers: { "content-type": "application/json" }, agent: false, ...pair, ...(session ? { session } : {}) };
      const request = https.request(`https://${muster.address}/${PlatformRegistrationService.typeName}/Unregister`, options, async (response) => {
        const isResumed = (response.socket as TLSSocket).isSessionReused();
        resolve({ body: Buffer.concat(await Array.fromAsync<Buffer>(response)).toString(), isResumed, session: ticket });
      });
      request.on("socket", (socket) => socket.on("session", (given: Buffer) => (ticket = given)));
      request.on("error", reject).end("{}");
    });
  const first = await call();
  const second = await call(first.session);
  expect([first.isResumed, second.isResumed]).toEqual([false, true]);
  for (const { body } of [first, second]) expect(body).toContain("INVALID_FIELDS");
});
