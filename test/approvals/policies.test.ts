import { describe, expect, test } from "vitest";
import {
  activatePolicy,
  archivePolicy,
  getPolicy,
  listPolicies,
  listVersions,
  policySubject,
  putPolicy,
  type PolicyDeps,
} from "../../src/approvals/policy/policies.ts";
import { policyYaml } from "../../src/approvals/policy/render.ts";
import { principalOf, type Caller } from "../../src/kernel/caller.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import type { LogEvent } from "../../src/kernel/records.ts";
import { firstBroken } from "../../src/kernel/audit.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";

interface Scene extends AsyncDisposable {
  readonly deps: PolicyDeps & { readonly store: MusterStore };
  readonly clock: ManualClock;
  isEnumerable: boolean;
}

const owner: Caller = principalOf("tokens", "owner", ["admin"]);
const stranger: Caller = { ...owner, key: "tokens|stranger", tenant: "elsewhere" };
const text = (need: string | number = 1, key = "k") =>
  `key: ${key}\nsubject: s\nttl: 7d\nstages: [{id: one, requirements: [{id: a, who: {groups: [g]}, need: ${need}}]}]\n`;

async function scene(): Promise<Scene> {
  const clock = manualClock(1_000);
  const store = await openSqliteStore({ path: ":memory:", clock });
  const made: Scene = {
    deps: { store, clock, ids: createUuidV7(clock), owners: [], isEnumerable: () => made.isEnumerable },
    clock,
    isEnumerable: true,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
  return made;
}

async function failure(work: Promise<unknown>): Promise<DomainError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DomainError)) throw new Error(`it did not fail as it should: ${String(error)}`);
  return error;
}

const shown = ({ kind, reason, message, subject, fields, isLasting }: DomainError) => ({ kind, reason, message, subject, fields, isLasting });

async function published({ deps }: Scene): Promise<readonly unknown[]> {
  const events: readonly LogEvent[] = await deps.store.tx((tx) => tx.eventLog.number(100));
  return events.map(({ payload, key, subject }) => ({ ...(JSON.parse(payload) as object), key_: key, subject }));
}

async function activate({ deps }: Scene, version: number, expectedActive?: number): Promise<void> {
  await activatePolicy(deps, { key: "k", version, expectedActive }, owner);
}

describe("putting a policy", () => {
  test("makes the next draft of its key, with its defaults", async () => {
    await using at = await scene();
    const { policy, isNew, problems } = await putPolicy(at.deps, { source: text(), validateOnly: false }, owner);
    expect({ isNew, problems }).toEqual({ isNew: true, problems: [] });
    expect(policy).toMatchObject({
      tenant: "default",
      key: "k",
      version: 1,
      status: "DRAFT",
      subject: "s",
      created: { by: "tokens|owner", at: 1_000 },
      source: text(),
    });
    expect(policy?.document.onExpire).toBe("expire");
    expect((await putPolicy(at.deps, { source: text(2), validateOnly: false }, owner)).policy?.version).toBe(2);
    expect((await putPolicy(at.deps, { source: text(2, "other"), validateOnly: false }, owner)).policy?.version).toBe(1);
    expect((await putPolicy(at.deps, { source: text(2), validateOnly: false }, stranger)).policy?.version).toBe(1);
  });

  test("the same document again changes nothing, however it is written; once it is archived, it makes a new version", async () => {
    await using at = await scene();
    const { policy } = await putPolicy(at.deps, { source: text(), validateOnly: false }, owner);
    const again = await putPolicy(at.deps, { source: policyYaml(policy!.document), validateOnly: false }, owner);
    expect(again).toEqual({ policy, isNew: false, problems: [] });
    await archivePolicy(at.deps, { key: "k", version: 1, expectedActive: undefined }, owner);
    expect(await putPolicy(at.deps, { source: text(), validateOnly: false }, owner)).toMatchObject({
      isNew: true,
      policy: { version: 2, digest: policy?.digest },
    });
  });

  test("with errors is refused with each of them; a dry run lists them with the warnings", async () => {
    await using at = await scene();
    const source = `${text(0)}on_expire: approve\nkez: 1\n`;
    expect(shown(await failure(putPolicy(at.deps, { source, validateOnly: false }, owner)))).toEqual({
      kind: "invalid",
      reason: "POLICY_INVALID",
      message: "the policy has errors: stages[0].requirements[0].need: nobody would have to approve: it is at least 1, not 0 (line 4, column 69), and 1 more",
      subject: undefined,
      isLasting: false,
      fields: [
        { field: "stages[0].requirements[0].need", description: "nobody would have to approve: it is at least 1, not 0 (line 4, column 69)" },
        { field: "kez", description: "it is not known; did you mean key? (line 6, column 1)" },
      ],
    });
    const dry = await putPolicy(at.deps, { source, validateOnly: true }, owner);
    expect(dry).toMatchObject({ policy: undefined, isNew: false });
    expect(dry.problems.map(({ severity, path }) => `${severity} ${path}`)).toEqual(["error stages[0].requirements[0].need", "warning on_expire", "error kez"]);
  });

  test("as a dry run leaves no trace", async () => {
    await using at = await scene();
    await putPolicy(at.deps, { source: text(), validateOnly: false }, owner);
    const dry = await putPolicy(at.deps, { source: text(3), validateOnly: true }, owner);
    expect(dry).toMatchObject({ policy: { version: 2, status: "DRAFT" }, isNew: false });
    expect((await failure(getPolicy(at.deps, "k", 2, owner))).reason).toBe("POLICY_VERSION_NOT_FOUND");
    expect(await at.deps.store.tx((tx) => tx.audit.list(policySubject("default", "k")))).toHaveLength(1);
  });
});

describe("activating and archiving", () => {
  test("one version is active, the one before it is archived, and each change is audited and published", async () => {
    await using at = await scene();
    for (const need of [1, 2, 3]) await putPolicy(at.deps, { source: text(need), validateOnly: false }, owner);
    await activate(at, 1, 0);
    await at.clock.pass(500);
    await activate(at, 3, 1);
    await activate(at, 3, 3);
    const [one, two, three] = await Promise.all([1, 2, 3].map((version) => getPolicy(at.deps, "k", version, owner)));
    expect([one, two, three].map((each) => each?.status)).toEqual(["ARCHIVED", "DRAFT", "ACTIVE"]);
    expect(one).toMatchObject({ activated: { by: "tokens|owner", at: 1_000 }, archived: { by: "tokens|owner", at: 1_500 } });
    await archivePolicy(at.deps, { key: "k", version: 2, expectedActive: undefined }, owner);
    await archivePolicy(at.deps, { key: "k", version: 0, expectedActive: 3 }, owner);
    await archivePolicy(at.deps, { key: "k", version: 3, expectedActive: 0 }, owner);
    const common = { tenant: "default", key: "k", actor: "tokens|owner", key_: "policy/default/k", subject: { kind: "policy", id: "default/k" } };
    expect(await published(at)).toEqual([
      { ...common, type: "PolicyActivated", version: 1, digest: one?.digest, replaced: 0 },
      { ...common, type: "PolicyActivated", version: 3, digest: three?.digest, replaced: 1 },
      { ...common, type: "PolicyArchived", version: 2, digest: two?.digest, wasActive: false },
      { ...common, type: "PolicyArchived", version: 3, digest: three?.digest, wasActive: true },
    ]);
    const chain = await at.deps.store.tx((tx) => tx.audit.list(policySubject("default", "k")));
    expect(firstBroken(chain)).toBeUndefined();
    expect(chain.map(({ action, detail, actor }) => `${actor} ${action} ${detail["version"]}`)).toEqual(
      ["PUT 1", "PUT 2", "PUT 3", "ACTIVATED 1", "ACTIVATED 3", "ARCHIVED 2", "ARCHIVED 3"].map((what) => `tokens|owner POLICY_${what}`),
    );
  });

  test("another version than the expected one is active: nothing changes", async () => {
    await using at = await scene();
    for (const need of [1, 2]) await putPolicy(at.deps, { source: text(need), validateOnly: false }, owner);
    const differs = { kind: "conflict", reason: "POLICY_ACTIVE_DIFFERS", isLasting: true };
    expect(shown(await failure(activatePolicy(at.deps, { key: "k", version: 1, expectedActive: 2 }, owner)))).toMatchObject({
      ...differs,
      message: "no version of the policy k is active, not version 2",
    });
    await activate(at, 1);
    expect(shown(await failure(activatePolicy(at.deps, { key: "k", version: 2, expectedActive: 0 }, owner)))).toMatchObject({
      ...differs,
      message: "version 1 of the policy k is active, not none",
    });
    expect(shown(await failure(archivePolicy(at.deps, { key: "k", version: 1, expectedActive: 2 }, owner)))).toMatchObject(differs);
    expect((await getPolicy(at.deps, "k", 0, owner)).version).toBe(1);
  });

  test("of two that expect the same one, one wins", async () => {
    await using at = await scene();
    for (const need of [1, 2, 3]) await putPolicy(at.deps, { source: text(need), validateOnly: false }, owner);
    await activate(at, 1);
    const outcomes = await Promise.allSettled([2, 3].map((version) => activate(at, version, 1)));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("an archived version stays so", async () => {
    await using at = await scene();
    await putPolicy(at.deps, { source: text(), validateOnly: false }, owner);
    await archivePolicy(at.deps, { key: "k", version: 1, expectedActive: undefined }, owner);
    expect(shown(await failure(activatePolicy(at.deps, { key: "k", version: 1, expectedActive: undefined }, owner)))).toMatchObject({
      kind: "wrong_state",
      reason: "POLICY_ARCHIVED",
      message: "version 1 of the policy k is archived: put its document again",
    });
  });

  test("a document that has become wrong since it was put is not activated", async () => {
    await using at = await scene();
    await putPolicy(at.deps, { source: text("50%"), validateOnly: false }, owner);
    at.isEnumerable = false;
    expect(shown(await failure(activatePolicy(at.deps, { key: "k", version: 1, expectedActive: undefined }, owner)))).toMatchObject({
      reason: "POLICY_INVALID",
      fields: [{ field: "stages[0].requirements[0].need" }],
    });
    expect((await getPolicy(at.deps, "k", 1, owner)).status).toBe("DRAFT");
  });
});

describe("reading", () => {
  test("without a version is of the active one, or else the latest", async () => {
    await using at = await scene();
    for (const need of [1, 2]) await putPolicy(at.deps, { source: text(need), validateOnly: false }, owner);
    expect((await getPolicy(at.deps, "k", 0, owner)).version).toBe(2);
    await activate(at, 1);
    expect((await getPolicy(at.deps, "k", 0, owner)).version).toBe(1);
  });

  test("lists are in pages, of each key or of the versions of one", async () => {
    await using at = await scene();
    for (const key of ["c", "a", "b"]) for (const need of [1, 2]) await putPolicy(at.deps, { source: text(need, key), validateOnly: false }, owner);
    const keys = await listPolicies(at.deps, "", 2, owner);
    expect(keys.policies.map(({ key, version }) => `${key} ${version}`)).toEqual(["a 2", "b 2"]);
    expect(keys.next).toEqual({ afterKey: "b" });
    expect(await listPolicies(at.deps, "b", 2, owner)).toMatchObject({ policies: [{ key: "c" }], next: undefined });
    expect(await listVersions(at.deps, "a", undefined, 1, owner)).toMatchObject({ policies: [{ version: 2 }], next: { beforeVersion: 2 } });
    expect(await listVersions(at.deps, "a", 2, 1, owner)).toMatchObject({ policies: [{ version: 1 }], next: undefined });
  });
});

test("a key of another tenant answers exactly like an unknown one, to every call", async () => {
  await using at = await scene();
  await putPolicy(at.deps, { source: text(), validateOnly: false }, owner);
  await activate(at, 1);
  const calls = {
    activate: (key: string, version: number) => activatePolicy(at.deps, { key, version, expectedActive: undefined }, stranger),
    "activate, expecting": (key: string, version: number) => activatePolicy(at.deps, { key, version, expectedActive: 1 }, stranger),
    archive: (key: string, version: number) => archivePolicy(at.deps, { key, version, expectedActive: undefined }, stranger),
    get: (key: string, version: number) => getPolicy(at.deps, key, version, stranger),
    versions: (key: string) => listVersions(at.deps, key, undefined, 10, stranger),
  };
  for (const [name, call] of Object.entries(calls)) {
    for (const version of [0, 1, 7]) {
      const [theirs, unknown] = [shown(await failure(call("k", version))), shown(await failure(call("x", version)))];
      expect([name, theirs.reason]).toEqual([name, "POLICY_NOT_FOUND"]);
      expect([name, { ...theirs, message: theirs.message.replace(" k", " x"), subject: { ...theirs.subject, name: "x" } }]).toEqual([name, unknown]);
    }
  }
  expect((await listPolicies(at.deps, "", 10, stranger)).policies).toEqual([]);
  expect((await getPolicy(at.deps, "k", 1, owner)).status).toBe("ACTIVE");
});
