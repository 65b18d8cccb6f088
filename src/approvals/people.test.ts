import { describe, expect, test } from "vitest";
import { member, person, standIn, who, world } from "../../test/approvals/cases.ts";
import { asciiLower, candidatesOf, isBarred, isNamed, isSame, memberOf, partyOf, standsInFor, type World } from "./people.ts";
import type { Requirement } from "./request.ts";
import type { Who } from "./types.ts";

const alice = { ...member("alice", "group:sre"), aliases: ["alice", "alice@x.org", "old|alice"] };
const bob = member("bob", "group:sre", "role:lead");
const listed = world([alice, bob]);
const none = world(undefined);

const of = (names: Who, replaced: readonly string[] = []): Requirement => ({ id: "r", need: { count: 1 }, veto: 1, who: names, replaced });
const heads = (requirement: Requirement, at: World, barred: readonly string[] = []) =>
  candidatesOf(requirement, at, barred)?.map(({ key, standsInFor: absent }) => (absent.length > 0 ? `${key} for ${absent.join("+")}` : key));

test("only ASCII letters are lowered, so that no other letter becomes one of them", () => {
  expect(asciiLower("Alice@X.ORG")).toBe("alice@x.org");
  expect(asciiLower("\u0130B \ufb00 \u212a \u00c4")).toBe("\u0130b \ufb00 \u212a \u00c4");
});

describe("who is who", () => {
  test("a person of the directory has its key, and is known by every alias", () => {
    expect(partyOf({ key: "old|alice", name: "Alice" }, listed.directory)).toEqual({
      key: "id|alice",
      name: "Alice",
      identities: ["id|alice", "old|alice", "alice", "alice@x.org"],
    });
  });

  test("the login of a key is a name where the issuer's subjects are logins, in ASCII lower case", () => {
    expect(partyOf({ key: "tokens|Alice", name: "A" }, undefined)).toEqual({
      key: "tokens|Alice",
      name: "A",
      identities: ["tokens|Alice", "tokens|alice", "alice"],
    });
    expect(partyOf({ key: "open|zoe", name: "Z" }, undefined).identities).toEqual(["open|zoe", "zoe"]);
    expect(partyOf({ key: "id|Zoe", name: "Z" }, undefined).identities).toEqual(["id|Zoe"]);
  });

  test("a login that the directory knows is that person", () => {
    expect(partyOf({ key: "tokens|ALICE", name: "A" }, listed.directory).key).toBe("id|alice");
  });

  test("a re-used login belongs to whom the directory gives it", () => {
    const zoe = { ...member("zoe"), key: "tokens|zoe", aliases: [] };
    const heir = { ...member("heir"), aliases: ["zoe"] };
    expect(partyOf(zoe, world([zoe, heir]).directory).identities).toEqual(["tokens|zoe"]);
    expect(partyOf(zoe, world([zoe]).directory).identities).toEqual(["tokens|zoe", "zoe"]);
  });

  test("a key decides before an alias does", () => {
    const thief = { ...member("thief"), aliases: ["id|bob"] };
    expect(memberOf("id|bob", world([thief, bob]).directory)).toBe(bob);
    expect(memberOf("id|bob", world([bob, thief]).directory)).toBe(bob);
    const other = { ...member("other"), aliases: ["bob"] };
    expect(memberOf("bob", world([bob, other]).directory)).toBe(bob);
    expect(memberOf("bob", world([other, bob]).directory)).toBe(other);
    expect(memberOf("alice@x.org", listed.directory)).toBe(alice);
    expect(memberOf("nobody", listed.directory)).toBeUndefined();
    expect(memberOf("id|bob", "unknown")).toBeUndefined();
    expect(memberOf("id|bob", undefined)).toBeUndefined();
  });

  test("two are one person by a key that they share, and not by a login that one has got from the other", () => {
    const party = (...identities: readonly string[]) => ({ key: identities[0] ?? "", name: "", identities });
    expect(isSame(party("id|1", "tokens|a", "a"), party("id|2", "tokens|a"))).toBe(true);
    expect(isSame(party("id|1", "a"), party("id|2", "a"))).toBe(false);
    expect(isSame(party("id|1"), party("id|1", "b"))).toBe(true);
  });

  test("who is named by key or alias, group, or role", () => {
    const nobody = { groups: [], roles: [] };
    expect(isNamed(who("alice@x.org"), alice.aliases, nobody)).toBe(true);
    expect(isNamed(who("group:sre"), [], bob)).toBe(true);
    expect(isNamed(who("role:lead"), [], bob)).toBe(true);
    expect(isNamed(who("role:sre", "group:lead", "carol"), ["id|bob"], bob)).toBe(false);
  });
});

describe("stand-ins", () => {
  const [ann, ben, cid] = ["ann", "ben", "cid"].map((name) => person(name)) as [typeof bob, typeof bob, typeof bob];
  const chained = [standIn(ann, "id|ben"), standIn(ben, "id|cid"), standIn(cid, "id|ann")];

  test("are followed through others, also in a circle", () => {
    const names = (of: string) => standsInFor([of], chained, undefined).map(({ from }) => from.name);
    expect(names("id|ben").toSorted()).toEqual(["ann", "ben", "cid"]);
    expect(standsInFor(["id|ben"], chained.slice(0, 1), undefined).map(({ from }) => from.name)).toEqual(["ann"]);
    expect(names("id|zoe")).toEqual([]);
  });

  test("are followed where one is named by an alias", () => {
    const at = world([member("ann"), member("ben"), member("cid")], { standIns: [standIn(ann, "ben"), standIn(ben, "cid")] });
    expect(isBarred(["id|cid", "cid"], ["id|ann"], at)).toBe(true);
    expect(isBarred(["id|cid", "cid"], ["ann"], at)).toBe(true);
  });

  test("whoever stands in for a barred person is barred", () => {
    const at = { ...none, standIns: chained.slice(0, 2) };
    expect(isBarred(["id|cid"], ["id|ann"], at)).toBe(true);
    expect(isBarred(["id|ann"], ["id|ann"], at)).toBe(true);
    expect(isBarred(["id|ann"], ["id|ben"], at)).toBe(false);
  });
});

describe("who could vote", () => {
  test("the members whom a requirement names, without the disabled, the barred, and those who gave their place away", () => {
    const zoe = { ...member("zoe", "group:sre"), isEnabled: false };
    expect(heads(of(who("group:sre")), world([alice, bob, zoe]))).toEqual(["id|alice", "id|bob"]);
    expect(heads(of(who("group:sre")), listed, ["alice@x.org"])).toEqual(["id|bob"]);
    expect(heads(of(who("group:sre"), ["id|bob"]), listed)).toEqual(["id|alice"]);
  });

  test("a person who is named by group, role and alias is one", () => {
    expect(heads(of(who("group:sre", "role:lead", "bob", "id|bob")), listed)).toEqual(["id|alice", "id|bob"]);
  });

  test("a stand-in takes the place, and two who name the same stand-in count as one", () => {
    const carol = member("carol");
    const at = (...standIns: World["standIns"]) => world([alice, bob, carol], { standIns });
    const all = of(who("group:sre"));
    expect(heads(all, at(standIn(alice, "carol")))).toEqual(["id|carol for id|alice", "id|bob"]);
    expect(heads(all, at(standIn(alice, "id|carol"), standIn(bob, "id|carol")))).toEqual(["id|carol for id|alice+id|bob"]);
    expect(heads(all, at(standIn(alice, "id|bob")))).toEqual(["id|bob"]);
    expect(heads(all, at(standIn(bob, "id|alice")))).toEqual(["id|alice"]);
  });

  test("a stand-in who is disabled, unknown or barred takes no place", () => {
    const carol = { ...member("carol"), isEnabled: false };
    const at = (to: string) => world([alice, bob, carol], { standIns: [standIn(alice, to)] });
    expect(heads(of(who("id|alice")), at("id|carol"))).toEqual(["id|alice"]);
    expect(heads(of(who("id|alice")), at("id|zoe"))).toEqual(["id|alice"]);
    expect(heads(of(who("id|alice")), at("id|bob"), ["id|bob"])).toEqual(["id|alice"]);
  });

  test("whoever stands in for a barred person has no place in the own right", () => {
    expect(heads(of(who("id|bob")), world([alice, bob], { standIns: [standIn(alice, "id|bob")] }), ["id|alice"])).toEqual([]);
  });

  test("without a directory those who are named one by one are known, and members of groups and roles are not", () => {
    expect(heads(of(who("alice", "id|bob")), none)).toEqual(["alice", "id|bob"]);
    expect(heads(of(who("alice", "group:sre")), none)).toBeUndefined();
    expect(heads(of(who("alice", "role:lead")), none)).toBeUndefined();
    expect(heads(of(who("alice")), world("unknown"))).toBeUndefined();
    expect(heads(of(who()), none)).toEqual([]);
  });

  test("without a directory a login and the key that has it are one, and a stand-in is found by the login", () => {
    expect(heads(of(who("alice", "tokens|Alice", "bob")), none)).toEqual(["tokens|Alice", "bob"]);
    const absent = { ...person("alice"), key: "tokens|alice" };
    expect(heads(of(who("alice")), { ...none, standIns: [standIn(absent, "tokens|bob")] })).toEqual(["tokens|bob for tokens|alice"]);
    expect(heads(of(who("alice")), none, ["alice"])).toEqual([]);
  });
});
