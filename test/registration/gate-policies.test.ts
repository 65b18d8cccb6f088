/** The policies for registrations of docs/approvals.md, on contexts as the gate makes them. */
import { expect, test } from "vitest";
import { requireContext } from "../../src/approvals/policy/context.ts";
import { parsePolicy } from "../../src/approvals/policy/parse.ts";
import { createPolicy } from "../../src/approvals/policy/policy.ts";
import { registrationContext } from "../../src/approvals/policy/registrations.ts";
import { routeOf } from "../../src/approvals/routing.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import { contextOf, differences, digestOf, type Candidate, type Context, type Known } from "../../src/registration/gate/content.ts";
import { isDowngrade } from "../../src/registration/schemas/version-order.ts";
import type { RegisterInput } from "../../src/registration/types.ts";
import { read } from "../support/source-tree.ts";

const section = /\n### Four policies for registrations\n([^]*?)(?:\n#{1,3} |$)/.exec(read("docs/approvals.md"))?.[1] ?? "";
const texts = [...section.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text);
const [byVerdict, consumers, production, firstOnly] = texts.map((text) => {
  const { document, problems } = parsePolicy(text, { isEnumerable: true });
  expect([text, problems]).toEqual([text, []]);
  if (!document) throw new Error("no document");
  return createPolicy(document, 1);
});

const request: RegisterInput = {
  name: "Pets",
  type: "MODULE",
  connectivity: { advertisedHost: "10.0.0.1", advertisedPort: 1, tlsEnabled: false },
  version: "2.1.0",
  metadata: { consumers: "shop" },
  tags: ["b", "a"],
  capabilities: ["parse"],
  httpEndpoints: [],
  grpcServices: [],
  validateOnly: false,
  waitForApproval: false,
  healthTimeoutMs: 1,
  startupGraceMs: 0,
};
const change = { pointer: "/a", keyword: "type", kind: "BREAKING", message: "is a number now" } as const;

interface Given {
  readonly request?: Partial<RegisterInput>;
  readonly verdict?: "NONE" | "COMPATIBLE" | "BREAKING" | "UNKNOWN" | undefined;
  readonly known?: Partial<Known>;
  readonly environment?: string;
  readonly schema?: boolean;
  readonly changes?: { readonly kept: number; readonly omitted: number };
}

function context(given: Given = {}): Context {
  const asked = { ...request, ...given.request };
  const { name, type, version } = asked;
  const { kept, omitted } = given.changes ?? { kept: 1, omitted: 0 };
  const comparison =
    given.verdict === undefined ? undefined : { verdict: given.verdict, against: "2.0.0", changes: Array.from({ length: kept }, () => change), omitted };
  const candidate: Candidate = {
    attempt: {
      id: "a",
      serviceId: "Pets-10.0.0.1-1",
      name,
      type,
      version,
      request: asked,
      requestHash: "",
      address: "",
      generation: 0,
      actor: "tokens|ci",
      traceparent: undefined,
    },
    schema: given.schema === false ? undefined : { artifactId: "pets-config", version, sha256: "5a", comparison },
    description: { capabilities: ["PARSER"] },
  };
  return contextOf(
    candidate,
    { owner: "tokens|ci", tags: asked.tags, hadOthers: true, live: [{ version: "2.0.0", schemaSha256: "00" }], asking: ["x"], ...given.known },
    given.environment ?? "prod",
  );
}

function way(policy: typeof byVerdict, given: Given): string {
  if (!policy) throw new Error("the docs have four policies");
  const made = context(given) as JsonObject;
  requireContext(policy.document, made);
  const { rule, failures, routed } = routeOf(
    policy,
    { context: made, subject: { type: "registration", id: "pets@2.1.0", digest: "d" }, requester: { key: "tokens|ci", name: "ci" } },
    0,
  );
  expect(failures).toEqual([]);
  return rule
    ? `${rule.then} ${rule.id}`
    : routed.stages.flatMap(({ requirements }) => requirements.map(({ id, who }) => `${id} ${who.groups.join(",")}`)).join("; ");
}

test("there are four, and none of them has a warning", () => expect(texts).toHaveLength(4));

test.each<readonly [string, typeof byVerdict, Given, string]>([
  ["compatible", byVerdict, { verdict: "COMPATIBLE" }, "approve compatible"],
  ["breaking", byVerdict, { verdict: "BREAKING" }, "platform platform"],
  ["not comparable", byVerdict, {}, "platform platform"],
  ["compatible without a version", byVerdict, { verdict: "NONE", request: { version: "" } }, "platform platform"],
  ["breaking, with consumers", consumers, { verdict: "BREAKING" }, "each shop; platform platform"],
  ["breaking, without", consumers, { verdict: "BREAKING", request: { metadata: {} } }, "each platform; platform platform"],
  ["older than what is live", consumers, { verdict: "NONE", known: { live: [{ version: "2.2.0", schemaSha256: "00" }] } }, "reject no-downgrade"],
  ["anywhere but production", production, { environment: "test" }, "approve elsewhere"],
  ["no environment said", production, { environment: "" }, "approve elsewhere"],
  ["production", production, {}, "sre sre"],
  ["production without a version", production, { request: { version: "" } }, "reject no-version"],
  ["a new name", firstOnly, { known: { hadOthers: false, live: [] } }, "architects architects"],
  ["a known name", firstOnly, {}, "approve known"],
])("%s: what the policy makes of it", (_case, policy, given, expected) => expect(way(policy, given)).toBe(expected));

test("every context fits the schema that policies get without one of their own", () => {
  for (const given of [{}, { schema: false }, { verdict: "BREAKING" as const }, { request: { version: "", tags: [], metadata: {} } }]) {
    expect(() => requireContext({ key: "registration", context: registrationContext }, context(given) as JsonObject)).not.toThrow();
  }
  expect(Object.keys(context()).toSorted()).toEqual(Object.keys(registrationContext["properties"] as object).toSorted());
});

test("a name that is not in it is an error of the policy, with the nearest one", () => {
  const text = texts[0]?.replace("verdict in", "verdit in") ?? "";
  const { document, problems } = parsePolicy(text, { isEnumerable: true });
  expect(document).toBeUndefined();
  expect(problems.map(({ message }) => message).join()).toContain("verdict");
});

test("the policy of registrations is for registrations, and says what becomes of those without a version", () => {
  const text = "key: registration\nsubject: other\nttl: 7d\nstages: [{id: one, requirements: [{id: a, who: {groups: [g]}, need: 1}]}]\n";
  const { problems } = parsePolicy(text, { isEnumerable: true });
  expect(problems.map(({ severity, line, message }) => [severity, line, message])).toEqual([
    ["warning", 1, 'all contents that are registered without a version share one approval: a route for version == "" decides on them'],
    ["error", 2, "the policy registration is for subjects of type registration"],
  ]);
});

test.each<readonly [string, Given, Given, boolean]>([
  ["order of tags and capabilities", { request: { tags: ["a", "b"] } }, {}, true],
  ["what is computed anew", { verdict: "BREAKING", known: { hadOthers: false, asking: [] }, environment: "test" }, {}, true],
  ["tags that are not read", { request: { tags: ["c"] } }, {}, true],
  ["metadata, which is read", { request: { metadata: { consumers: "other" } } }, {}, false],
  ["version", { request: { version: "2.1.1" } }, {}, false],
  ["schema", { schema: false }, {}, false],
  ["capabilities", { request: { capabilities: [] } }, {}, false],
  ["services", { request: { grpcServices: ["a.B"] } }, {}, false],
])("%s: whether two contents are the same", (_case, one, other, isSame) => {
  const reads = ["metadata", "verdict"];
  expect(digestOf(context(one), reads) === digestOf(context(other), reads)).toBe(isSame);
  expect(differences(context(one), context(other), reads).length === 0).toBe(isSame);
});

test("a policy that may read anything is bound to everything", () => {
  expect(digestOf(context({ request: { tags: ["c"] } }), undefined)).not.toBe(digestOf(context(), undefined));
  expect(digestOf(context({ environment: "test" }), undefined)).toBe(digestOf(context(), undefined));
});

test.each<readonly [string, Given, string]>([
  ["the same schema as one that is live", { known: { live: [{ version: "2.0.0", schemaSha256: "5a" }] } }, "NONE"],
  ["nothing was live", { known: { hadOthers: false, live: [] } }, "NONE"],
  ["a schema that nothing was compared with", {}, "UNKNOWN"],
  ["no schema any more", { schema: false }, "UNKNOWN"],
  ["never a schema", { schema: false, known: { live: [{ version: "1.0.0", schemaSha256: undefined }] } }, "NONE"],
])("%s: its verdict", (_case, given, verdict) => expect(context(given)["verdict"]).toBe(verdict));

test.each<readonly [string, readonly string[], boolean]>([
  ["1.2.0", ["1.3.0"], true],
  ["1.2.0", ["1.1.9", "2.0.0"], false],
  ["1.2.0-rc.1", ["1.2.0"], true],
  ["1.2.0", ["1.2.0"], false],
  ["latest", ["1.2.0"], false],
  ["1.2.0", ["latest"], false],
])("%s after %j: a downgrade is %s", (version, live, expected) => expect(isDowngrade(version, live)).toBe(expected));

test.each<readonly [string, Given, number, number]>([
  ["nothing was compared", {}, 0, 0],
  ["few", { verdict: "COMPATIBLE", changes: { kept: 20, omitted: 0 } }, 20, 0],
  ["more than a context has", { verdict: "COMPATIBLE", changes: { kept: 25, omitted: 0 } }, 20, 5],
  ["more than is kept of a comparison", { verdict: "COMPATIBLE", changes: { kept: 200, omitted: 300 } }, 20, 480],
])("changes, %s: how many are there, and how many are not", (_case, given, shown, omitted) => {
  const { changes, changes_omitted: left } = context(given);
  expect([(changes as readonly unknown[]).length, left]).toEqual([shown, omitted]);
});

test("a rule that wants to have seen every change is not passed by many others before the one that it looks for", () => {
  const text = `{key: registration, subject: registration, ttl: 7d,
    route: [{id: seen, when: 'changes.all(c, !c.pointer.startsWith("/secret")) && changes_omitted == 0', then: approve},
      {id: unnamed, when: 'version == ""', then: reject}],
    stages: [{id: s, requirements: [{id: people, who: {groups: [g]}, need: 1}]}]}`;
  const { document, problems } = parsePolicy(text, { isEnumerable: true });
  expect(problems).toEqual([]);
  const policy = document && createPolicy(document, 1);
  expect(way(policy, { verdict: "COMPATIBLE", changes: { kept: 20, omitted: 0 } })).toBe("approve seen");
  expect(way(policy, { verdict: "COMPATIBLE", changes: { kept: 21, omitted: 0 } })).toBe("people g");
});
