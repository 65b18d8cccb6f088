import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentOf } from "../../../test/support/policies.ts";
import { parsePolicy } from "./parse.ts";
import { policyJson, policyYaml } from "./render.ts";

describe("for any text", () => {
  const names = fc.constantFrom(
    "key",
    "subject",
    "ttl",
    "stages",
    "route",
    "who",
    "need",
    "veto",
    "id",
    "when",
    "then",
    "requirements",
    "after",
    "in",
    "do",
    "to",
    "context",
    "effect",
    "users",
    "expr",
    "<<",
    "__proto__",
  );
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom<unknown>("7d", "50%", 1, 0, -1, 1.5, true, null, "all", "escalate", "true", "a || b", "g", "approve", ""),
      fc.string(),
      fc.double(),
      tie("list"),
      tie("map"),
    ),
    list: fc.array(tie("node"), { maxLength: 4 }),
    map: fc.dictionary(names, tie("node"), { maxKeys: 8 }),
  }));

  test("there is a document or an error, and nothing is thrown", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: "binary" }),
          fc.stringMatching(/^[-:{}[\],&*!|>'"%@`#a \n]{0,60}$/),
          tree.map.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          const { document, problems: found } = parsePolicy(text, { isEnumerable: false });
          expect(document === undefined).toBe(found.some(({ severity }) => severity === "error"));
          for (const { line, column } of found) expect(Math.min(line, column)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,8}$/);
  const words = fc.uniqueArray(
    fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" }).filter((text) => text.trim() !== "" && text.isWellFormed() && !/\p{Cc}/u.test(text)),
    { minLength: 1, maxLength: 3 },
  );
  const ms = fc.integer({ min: 1, max: 1_000_000 }).map((seconds) => seconds * 1_000);
  const who = fc.record(
    { users: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}(\|[A-Za-z]{1,5})?$/), { maxLength: 3 }), groups: words, roles: words },
    { noNullPrototype: true },
  );
  const requirement = fc.record(
    {
      id,
      who,
      need: fc.oneof(
        fc.integer({ min: 1, max: 3 }).map((count) => ({ count })),
        fc.integer({ min: 1, max: 100 }).map((percent) => ({ percent })),
        fc.constant("all" as const),
      ),
      veto: fc.integer({ min: 1, max: 9 }),
    },
    { noNullPrototype: true },
  );
  const distinct = { selector: ({ id: own }: { readonly id: string }) => own, minLength: 1, maxLength: 3 };
  const action = fc.oneof(
    fc.record({ afterMs: ms, do: fc.constantFrom("remind" as const, "reject" as const) }, { noNullPrototype: true }),
    fc.record({ afterMs: ms, do: fc.constant("escalate" as const), to: who }, { noNullPrototype: true }),
  );
  const document = fc.record(
    {
      key: id,
      subject: id,
      ttlMs: ms,
      route: fc.constant([]),
      stages: fc.uniqueArray(
        fc.record({ id, requirements: fc.uniqueArray(requirement, distinct), after: fc.array(action, { maxLength: 3 }) }, { noNullPrototype: true }),
        distinct,
      ),
      onUnsatisfiable: fc.oneof(
        fc.constantFrom("reject" as const, "expire" as const),
        who.map((escalate) => ({ escalate })),
      ),
      onExpire: fc.constantFrom("expire" as const, "reject" as const, "approve" as const),
      distinctPeople: fc.constantFrom("stage" as const, "request" as const, "requirement" as const),
      requesterMayVote: fc.boolean(),
      reasonRequired: fc.constantFrom([], ["approve" as const, "abstain" as const]),
      reauthMs: ms,
      effect: fc.record({ auto: fc.boolean(), grantTtlMs: ms }, { noNullPrototype: true, requiredKeys: ["auto"] }),
    },
    {
      noNullPrototype: true,
      requiredKeys: [
        "key",
        "subject",
        "ttlMs",
        "route",
        "stages",
        "onUnsatisfiable",
        "onExpire",
        "distinctPeople",
        "requesterMayVote",
        "reasonRequired",
        "effect",
      ],
    },
  );

  test("a document that is written out and read again is the same, in YAML and in JSON", () => {
    fc.assert(
      fc.property(document, (given) => {
        expect(documentOf(policyYaml(given))).toEqual(given);
        expect(documentOf(JSON.stringify(policyJson(given)))).toEqual(given);
      }),
      { numRuns: 200 },
    );
  });
});
