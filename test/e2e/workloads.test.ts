/** Callers by their client certificates in the whole program, over both ways. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import type { TLSSocket } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApprovalService } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ask, usePolicy } from "../support/approvals.ts";
import { connect, refusal } from "../support/client.ts";
import { startIssuer, type Issuer } from "../support/issuer.ts";
import { embeddedBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";

const { unregister } = PlatformRegistrationService.method;
const { listApprovals } = ApprovalService.method;

let folder = "";
let backing: Backing;
let muster: MusterProcess;
let tls: Readonly<Record<string, string>>;
/** Of later servers. */
const disposals: AsyncDisposable[] = [];
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
  tls = { MUSTER_TLS_CERT: file("server.crt"), MUSTER_TLS_KEY: file("server.key"), MUSTER_TLS_CLIENT_CA: file("ca.crt") };
  muster = await startMuster({
    ...backing.env,
    MUSTER_AUTH: `spiffe://example.org?viewer=*&registrar=/ns/ci/*&admin=/ops&tenant=acme tokens:${file("tokens.json")}`,
    ...tls,
  });
});
afterAll(async () => {
  for (const one of disposals) await one[Symbol.asyncDispose]();
  await muster[Symbol.asyncDispose]();
  await backing[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Reason of an Unregister without a name by plain gRPC, which must be that of JSON over HTTP/2 and over HTTP/1.1. With a certificate of that
 * name; without one where it is empty.
 */
async function reasonFor(name: string, names: string, token?: string, { address } = muster): Promise<string> {
  const pair = { ca: readFileSync(file("ca.crt")), ...(name === "" ? {} : issue(name, names)) };
  using client = connect(address, { tls: pair, ...(token === undefined ? {} : { token }) });
  const { reason } = await refusal(client, unregister, {});
  const path = `/${PlatformRegistrationService.typeName}/Unregister`;
  const headers = { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const session = http2.connect(`https://${address}`, pair);
  const stream = session.request({ ":method": "POST", ":path": path, ...headers });
  stream.end("{}");
  const over2 = Buffer.concat(await Array.fromAsync<Buffer>(stream)).toString();
  session.destroy();
  const over1 = await new Promise<string>((resolve, reject) => {
    const request = https.request(`https://${address}${path}`, { method: "POST", headers, ...pair }, async (response) => {
      resolve(Buffer.concat(await Array.fromAsync<Buffer>(response)).toString());
    });
    request.on("error", reject).end("{}");
  });
  for (const answer of [over2, over1]) expect(answer).toContain(`"${reason}"`);
  return reason;
}

interface Called {
  readonly body: string;
  readonly isResumed: boolean;
  readonly session: Buffer | undefined;
}

/** The answer to an Unregister without a name, on a connection of its own. */
function callOnce({ address }: Pick<MusterProcess, "address">, options: https.RequestOptions & { readonly session?: Buffer | undefined }): Promise<Called> {
  return new Promise((resolve, reject) => {
    let ticket: Buffer | undefined;
    const how = { method: "POST", headers: { "content-type": "application/json" }, agent: false, ...options } as const;
    const request = https.request(`https://${address}/${PlatformRegistrationService.typeName}/Unregister`, how, async (response) => {
      const isResumed = (response.socket as TLSSocket).isSessionReused();
      resolve({ body: Buffer.concat(await Array.fromAsync<Buffer>(response)).toString(), isResumed, session: ticket });
    });
    request.on("socket", (socket) => socket.on("session", (given: Buffer) => (ticket = given)));
    request.on("error", reject).end("{}");
  });
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
  const first = await callOnce(muster, pair);
  const second = await callOnce(muster, { ...pair, session: first.session });
  expect([first.isResumed, second.isResumed]).toEqual([false, true]);
  for (const { body } of [first, second]) expect(body).toContain("INVALID_FIELDS");
});

describe("where certificates are optional", () => {
  let optional: MusterProcess;
  let issuer: Issuer;
  beforeAll(async () => {
    issuer = await startIssuer();
    const own = await embeddedBacking();
    optional = await startMuster({
      ...own.env,
      ...tls,
      MUSTER_TLS_CLIENT_AUTH: "optional",
      MUSTER_AUTH: `spiffe://example.org?viewer=*&registrar=/ns/ci/* tokens:${file("tokens.json")} oidc+${issuer.url}?audience=muster&roles=/roles&registrar=deploy`,
    });
    disposals.push(optional, own, issuer);
  });

  test("one port takes callers with a certificate, by it, and callers without one, by their token", async () => {
    const deploy = await issuer.token({ roles: ["deploy"] });
    expect(await reasonFor("optional-with", "URI:spiffe://example.org/ns/ci/x", undefined, optional)).toBe("INVALID_FIELDS");
    expect(await reasonFor("", "", deploy, optional)).toBe("INVALID_FIELDS");
    expect(await reasonFor("", "", "of-the-file", optional)).toBe("PERMISSION_DENIED");
    expect(await reasonFor("", "", undefined, optional)).toBe("UNAUTHENTICATED");
    // A token decides alone.
    expect(await reasonFor("optional-both", "URI:spiffe://example.org/ns/ci/x", "of-the-file", optional)).toBe("PERMISSION_DENIED");
    expect(await reasonFor("optional-wrong", "URI:spiffe://example.org/ns/ci/x", "wrong", optional)).toBe("UNAUTHENTICATED");
    expect(await reasonFor("optional-nameless", "", deploy, optional)).toBe("INVALID_FIELDS");
  });

  test("a resumed session without a certificate is nobody's, and one with a certificate its holder's", async () => {
    const ca = readFileSync(file("ca.crt"));
    const without = await callOnce(optional, { ca });
    const again = await callOnce(optional, { ca, session: without.session });
    expect([without.isResumed, again.isResumed]).toEqual([false, true]);
    for (const { body } of [without, again]) expect(body).toContain("UNAUTHENTICATED");
    const held = await callOnce(optional, { ca, ...issue("optional-resumed", "URI:spiffe://example.org/ns/ci/x") });
    const resumed = await callOnce(optional, { ca, session: held.session });
    expect(resumed.isResumed).toBe(true);
    for (const { body } of [held, resumed]) expect(body).toContain("INVALID_FIELDS");
  });
});
