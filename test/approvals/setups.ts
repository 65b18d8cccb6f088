/** Random policies and people for the model. */
import * as fc from "fast-check";
import { everybody, type Setup } from "./agreement.ts";
import { hour } from "./cases.ts";
import type { Named, NaivePolicy, NaiveRequirement, NaiveStage } from "./naive-model.ts";

const groups = ["g0", "g1", "g2"] as const;

const who: fc.Arbitrary<Named> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...groups).map((group) => ({ users: [], groups: [group] })) },
  { weight: 1, arbitrary: fc.subarray([...everybody], { minLength: 1, maxLength: 2 }).map((users) => ({ users, groups: [] })) },
);

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

const requirement = (id: string): fc.Arbitrary<NaiveRequirement> => fc.record({ id: fc.constant(id), who, need, veto: fc.integer({ min: 1, max: 3 }) });

const stage = (id: string): fc.Arbitrary<NaiveStage> =>
  fc.record({
    id: fc.constant(id),
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
});

/** Most people are in most groups, so that most requests can be decided. */
const membership = fc.oneof({ weight: 2, arbitrary: fc.constant([...groups]) }, { weight: 3, arbitrary: fc.subarray([...groups], { minLength: 1 }) });
const people = fc.tuple(...everybody.map(() => fc.record({ groups: membership, enabled: fc.integer({ min: 0, max: 19 }).map((n) => n > 0) })));

const standIns = fc
  .array(fc.record({ from: fc.constantFrom(...everybody), to: fc.constantFrom(...everybody) }), { maxLength: 2 })
  .map((pairs) => pairs.filter(({ from, to }) => from !== to));

export const setups: fc.Arbitrary<Setup> = fc
  .record({ policy, people, requester: fc.constantFrom(...everybody), standIns })
  .map(({ people: list, ...rest }) => ({ ...rest, people: Object.fromEntries(everybody.map((name, i) => [name, list[i] ?? { groups: [], enabled: true }])) }));
