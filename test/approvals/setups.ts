/** Random policies and people for the model. */
import * as fc from "fast-check";
import { everybody, type Setup } from "./agreement.ts";
import { hour } from "./cases.ts";
import type { Named, NaivePolicy, NaiveRequirement, NaiveStage, When } from "./naive-model.ts";

const groups = ["g0", "g1", "g2"] as const;

const roles = ["r0", "r1"] as const;

const who: fc.Arbitrary<Named> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...groups).map((group) => ({ users: [], groups: [group], roles: [] })) },
  { weight: 1, arbitrary: fc.constantFrom(...roles).map((role) => ({ users: [], groups: [], roles: [role] })) },
  { weight: 1, arbitrary: fc.subarray([...everybody], { minLength: 1, maxLength: 2 }).map((users) => ({ users, groups: [], roles: [] })) },
);

const when = fc.constantFrom<When>(...Array.from({ length: 10 }, () => "yes" as const), "no", "fails");

const need = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 1, 2, 2, 3).map((count) => ({ count })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 100 }).map((percent) => ({ percent })) },
  { weight: 1, arbitrary: fc.constant("all" as const) },
);

const action = fc.oneof(
  fc.record({ in: fc.integer({ min: 1, max: 90 }).map((hours) => hours * hour), do: fc.constant("remind" as const) }),
  fc.record({ in: fc.integer({ min: 1, max: 90 }).map((hours) => hours * hour), do: fc.constant("reject" as const) }),
  fc.record({ in: fc.integer({ min: 1, max: 90 }).map((hours) => hours * hour), do: fc.constant("escalate" as const), to: who }),
);

const requirement = (id: string): fc.Arbitrary<NaiveRequirement> => fc.record({ id: fc.constant(id), when, who, need, veto: fc.integer({ min: 1, max: 3 }) });

const stage = (id: string): fc.Arbitrary<NaiveStage> =>
  fc.record({
    id: fc.constant(id),
    when,
    requirements: fc.oneof(fc.tuple(requirement("a")), fc.tuple(requirement("a"), requirement("b"))),
    after: fc.array(action, { maxLength: 2 }),
  });

const policy: fc.Arbitrary<NaivePolicy> = fc.record({
  stages: fc.oneof(fc.tuple(stage("one")), fc.tuple(stage("one"), stage("two"))),
  distinct: fc.constantFrom("stage", "request", "requirement"),
  requesterMayVote: fc.boolean(),
  onUnsatisfiable: fc.oneof(
    fc.constant("expire" as const),
    fc.constant("reject" as const),
    who.map((escalate) => ({ escalate })),
  ),
  onExpire: fc.constantFrom("expire", "reject", "approve"),
  ttl: fc.constant(100 * hour),
  effect: fc.record({
    auto: fc.boolean(),
    grantTtl: fc.option(
      fc.constantFrom(1, 10, 40).map((hours) => hours * hour),
      { nil: undefined },
    ),
  }),
});

/** Most people are in most groups, so that most requests can be decided. */
const membership = fc.oneof({ weight: 2, arbitrary: fc.constant([...groups]) }, { weight: 3, arbitrary: fc.subarray([...groups], { minLength: 1 }) });
const people = fc.tuple(
  ...everybody.map(() => fc.record({ groups: membership, roles: fc.subarray([...roles]), enabled: fc.integer({ min: 0, max: 19 }).map((n) => n > 0) })),
);

const standIns = fc
  .array(fc.record({ from: fc.constantFrom(...everybody), to: fc.constantFrom(...everybody) }), { maxLength: 2 })
  .map((pairs) => pairs.filter(({ from, to }) => from !== to));

export const setups: fc.Arbitrary<Setup> = fc
  .record({
    policy,
    next: policy,
    people,
    requester: fc.constantFrom(...everybody),
    behalf: fc.constantFrom(...Array.from({ length: 14 }, () => undefined), ...everybody),
    isStanding: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    isKnown: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    standIns,
  })
  .map(({ people: list, ...rest }) => ({
    ...rest,
    people: Object.fromEntries(everybody.map((name, i) => [name, list[i] ?? { groups: [], roles: [], enabled: true }])),
  }));

/** Those of requests that are approved when their time ends. */
export const grantedSetups: fc.Arbitrary<Setup> = setups.map((setup) => {
  const stages = setup.policy.stages.map((one) => ({ ...one, after: [] }));
  return { ...setup, policy: { ...setup.policy, stages, onUnsatisfiable: "expire", onExpire: "approve" } };
});
