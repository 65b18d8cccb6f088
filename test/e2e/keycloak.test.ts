/** People of a real Keycloak ask and decide. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { status } from "@grpc/grpc-js";
import { ApprovalService, ApprovalView, Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { parseDirectory, type DirectorySettings } from "../../src/config/directory.ts";
import { directoryReader } from "../../src/open-directory.ts";
import { ask, decide, get, usePolicy } from "../support/approvals.ts";
import { CallError, connect, refusal } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { adminToken, createRealm, directoryClient, turnKeycloak, type Realm } from "../support/keycloak.ts";
import { cliEntry, runCli } from "../support/muster-cli.ts";
import { embeddedBacking, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeKeycloak, realServers } from "../support/real-servers.ts";
import { read } from "../support/source-tree.ts";

const mapping = "audience=muster&roles=/resource_access/muster/roles&viewer=*&admin=root";
const policy = (key: string) => `
key: ${key}
subject: document
ttl: 7d
reauth: 10m
stages:
  - {id: team, requirements: [{id: one, who: {roles: [sre]}, need: 4}]}
`;

describeKeycloak("with Keycloak", () => {
  let realm: Realm;
  beforeAll(async () => {
    realm = await createRealm();
  });
  afterAll(() => realm[Symbol.asyncDispose]());

  test("whoever has the role of the client muster decides: by himself, by a group, by one above it, by a composite role; and nobody else", async () => {
    await using backing = realServers ? await realBacking(realServers) : await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `oidc+${realm.issuer}?${mapping}` });
    const as = async (username: string) => connect(muster.address, { token: (await realm.logIn(username)).access });
    using root = await as("root");
    await usePolicy(root, policy("docs"));
    const opened = await ask(root, { policyKey: "docs", subject: { type: "document", id: "1", digest: "d" } });
    expect(opened.requesters).toMatchObject([{ key: `${realm.issuer}|${await realm.idOf("root")}` }]);

    using eve = await as("eve");
    expect(await decide(eve, opened)).toMatchObject({ counted: false, reason: Reason.NOT_ELIGIBLE });
    await expect(realm.logIn("dave")).rejects.toThrow("dave is not let in");
    // The policy has `reauth`.
    using unproved = connect(muster.address, { token: await realm.byPassword("alice") });
    expect(await decide(unproved, opened)).toMatchObject({ counted: false, reason: Reason.REAUTHENTICATION_NEEDED });
    for (const username of ["alice", "bob", "carol"]) {
      using client = await as(username);
      expect(await decide(client, opened), username).toMatchObject({ counted: true, approval: { decision: Decision.IN_REVIEW } });
    }
    // She has the role by the group above hers.
    using nina = await as("nina");
    expect(await get(nina, opened.id)).toMatchObject({ mayVote: true });
    expect(await decide(nina, opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED } });
  });

  test("an ID token is none, nor is a token of another realm; a new key is", { timeout: 180_000 }, async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `oidc+${realm.issuer}?${mapping}` });
    const asked = (token: string) => statusWith(muster, token);
    const { access: old, id: idToken } = await realm.logIn("alice");
    expect(await asked(old)).toBe(status.OK);
    using stranger = connect(muster.address, { token: await adminToken() });
    expect(await refusal(stranger, RegistrationService.method.listAttempts, {})).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await asked(idToken)).toBe(status.UNAUTHENTICATED);
    const { id } = (await realm.admin("GET", "")) as { id: string };
    const provider = {
      name: "young",
      providerId: "rsa-generated",
      providerType: "org.keycloak.keys.KeyProvider",
      parentId: id,
      config: { priority: ["1000"] },
    };
    await realm.admin("POST", "/components", provider);
    const { access: young } = await realm.logIn("alice");
    await eventually(async () => ((await asked(young)) === status.OK ? true : undefined));
    expect(await asked(old)).toBe(status.OK);
  });

  test("the directory has whom the tokens have: groups, composite roles and groups above are in it, on all pages, and nobody waits for the disabled", async () => {
    for (let i = 0; i < 101; i++) await realm.admin("POST", "/users", { username: `more-${i}`, enabled: true, groups: ["/payments"] });
    const directory = `keycloak+${realm.issuer}?client=${directoryClient.id}&roles_of=muster`;
    const secrets = { MUSTER_DIRECTORY: directory, MUSTER_DIRECTORY_SECRET: directoryClient.secret };
    const documents = await (await directoryReader(directoryOf(directory)))(AbortSignal.timeout(60_000));
    const members = documents.get("default")?.members ?? [];
    expect(
      members
        .filter(({ roles }) => roles.includes("sre"))
        .map(({ aliases }) => aliases.at(-1))
        .toSorted(),
    ).toEqual(["alice@example.org", "bob", "carol@example.org", "dave@example.org", "nina@example.org"]);
    expect(members.filter(({ groups }) => groups.includes("/payments"))).toHaveLength(102);
    expect(members.filter(({ groups }) => groups.includes("/ops/night")).map(({ name }) => name)).toEqual(["nina X"]);

    await using backing = realServers ? await realBacking(realServers) : await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, ...secrets, MUSTER_AUTH: `oidc+${realm.issuer}?${mapping}` });
    const as = async (username: string) => connect(muster.address, { token: (await realm.logIn(username)).access });
    const page = async () => (await fetch(`http://${muster.address}/metrics`)).text();
    await eventually(async () => ((await page()).includes("directory_version 1") ? true : undefined));
    using root = await as("root");
    await usePolicy(root, "key: all\nsubject: document\nttl: 7d\nstages:\n  - {id: team, requirements: [{id: one, who: {roles: [sre]}, need: all}]}\n");
    const opened = await ask(root, { policyKey: "all", subject: { type: "document", id: "1", digest: "d" } });
    const { explanation } = await root.unary(ApprovalService.method.getApproval, { id: opened.id, view: ApprovalView.EXPLAIN });
    const [requirement] = explanation?.requirements ?? [];
    expect(requirement?.needed).toBe(4);
    expect(requirement?.excluded.map(({ why }) => why)).toEqual(["dave X is disabled in the directory"]);
    for (const username of ["alice", "bob", "carol", "nina"]) {
      using client = await as(username);
      expect(await decide(client, opened), username).toMatchObject({ counted: true });
    }
    expect(await get(root, opened.id)).toMatchObject({ decision: Decision.APPROVED });
    expect(muster.logged()).not.toContain(directoryClient.secret);
  });

  test("the commands of docs/approvals.md log in and decide, as they stand there", async () => {
    const section = /^## With an identity provider$(.*?)^## /ms.exec(read("docs/approvals.md"))?.[1] ?? "";
    const [serve = "", script = ""] = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text);
    await using backing = await embeddedBacking();
    const auth = /^MUSTER_AUTH="(.*?)" muster serve$/m.exec(serve)?.[1]?.replace("$ISSUER", realm.issuer) ?? "";
    await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: auth });
    using root = connect(muster.address, { token: (await realm.logIn("root")).access });
    await usePolicy(root, "key: docs\nsubject: document\nttl: 7d\nstages:\n  - {id: team, requirements: [{id: one, who: {groups: [/payments]}, need: 1}]}\n");
    const opened = await ask(root, { policyKey: "docs", subject: { type: "document", id: "1", digest: "d" } });
    const env = { PATH: process.env["PATH"], ISSUER: realm.issuer, PASSWORD: "pw", REQUEST: opened.id, MUSTER_ADDRESS: muster.address };
    const shell = `muster() { "${process.execPath}" "${cliEntry}" "$@"; }\n${script}`;
    const { stdout } = await promisify(execFile)("bash", ["-e", "-o", "pipefail", "-c", shell], { env });
    expect(stdout).toContain(opened.id);
    expect(await get(root, opened.id)).toMatchObject({ decision: Decision.APPROVED, decidedBy: `${realm.issuer}|${await realm.idOf("carol")}` });
  });

  test("a wrong secret is told by the doctor, and lets the last directory be", async () => {
    await using backing = await embeddedBacking();
    const env = { ...backing.env, MUSTER_DIRECTORY: `keycloak+${realm.issuer}`, MUSTER_DIRECTORY_SECRET: "wrong-secret" };
    const { out } = await runCli(["doctor", "-o", "json", "--address", "127.0.0.1:9"], env);
    expect(out).toContain(`${realm.issuer}: HTTP 401 from`);
    expect(out).not.toContain("wrong-secret");
  });

  // The last one: nothing of the realm is left.
  test(
    "restarted, it has new keys: who has a token by a former one is let in while it is away, and not any more when it is back",
    { timeout: 300_000 },
    async () => {
      await using backing = await embeddedBacking();
      await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `oidc+${realm.issuer}?${mapping}` });
      const { access: old } = await realm.logIn("alice");
      expect(await statusWith(muster, old)).toBe(status.OK);
      await turnKeycloak("stop");
      expect(await statusWith(muster, old)).toBe(status.OK);
      await turnKeycloak("start");
      realm = await createRealm(realm.name);
      const { access: young } = await realm.logIn("alice");
      await eventually(async () => ((await statusWith(muster, young)) === status.OK ? true : undefined));
      expect(await statusWith(muster, old)).toBe(status.UNAUTHENTICATED);
      expect(muster.logged()).not.toContain("INTERNAL");
    },
  );
});

async function statusWith({ address }: Pick<MusterProcess, "address">, token: string): Promise<number> {
  using client = connect(address, { token });
  return await client.unary(RegistrationService.method.listAttempts, {}).then(
    () => status.OK,
    (error: unknown) => (error instanceof CallError ? error.status.code : status.UNKNOWN),
  );
}

function directoryOf(value: string): Exclude<DirectorySettings, { kind: "file" }> {
  const directory = parseDirectory(value, directoryClient.secret, []);
  if (directory === undefined || directory.kind === "file") throw new Error("it is none");
  return directory;
}
