/** What a rule is: one group of keywords that together make one constraint, and how two versions of it compare. */
import type { Spend } from "./budget.ts";
import type { Subschema } from "./document.ts";
import type { JsonValue } from "./json.ts";

/** One constraint of the next version that may refuse what the former one accepted. */
export interface Failure {
  /** The keyword in the next version; for what is gone, in the former one. */
  readonly pointer: string;
  readonly keyword: string;
  readonly kind: "BREAKING" | "UNKNOWN";
  readonly former?: JsonValue | undefined;
  readonly next?: JsonValue | undefined;
  /** What happened, where the keyword's two values do not say it. */
  readonly topic?: Topic;
  /** Why it cannot be decided. */
  readonly because?: string;
}

export type Topic = "restricted" | "forbidden" | "undecided";

/** What is known of the values that a list of schemas accepts all together. */
export interface Facts {
  /** The same for the same parts. */
  readonly key: string;
  readonly parts: readonly Subschema[];
  /** The same without `allOf` and `$ref`: the schemas those lead to, as one list. */
  readonly layers: readonly Subschema[];
  /** What stands beside a `$ref` in draft-06 and draft-07, which some validators apply and others do not. */
  readonly beside: readonly Subschema[];
  /** Bits of instance-types.ts: no accepted value is of another type. */
  readonly types: number;
  /** No other values can be accepted; some of these may be refused too. */
  readonly values: readonly JsonValue[] | undefined;
  /** Shown to accept nothing. */
  readonly empty: boolean;
  /** Why there may be more constraints than the layers tell. */
  readonly doubt: string | undefined;
}

export interface Rule {
  readonly keywords: readonly string[];
  /** The rule says something about values of these types alone. */
  readonly types: number;
  /** It goes through the alternatives of the former version by itself. */
  readonly isDisjunctive?: boolean;
  /** Whether the constraint of one schema accepts a value; undefined when that is not decided. */
  accepts(layer: Subschema, value: JsonValue, prover: Prover): boolean | undefined;
  /** Why the constraint may refuse a value with `facts`; empty only when it is shown that it refuses none. */
  failures(facts: Facts, layer: Subschema, prover: Prover, splits: number): readonly Failure[];
}

/** How many lists of alternatives are gone through together: a rule gets how many there are by now as `splits`. */
export const mostSplits = 3;

export interface Prover {
  /** Why `next` may refuse a value that all of `former` accept; empty only when it is shown that it refuses none. */
  failures(former: readonly Subschema[], next: Subschema): readonly Failure[];
  /** The same for one constraint of `layer`, and for values of which `facts` are known. */
  constraintFailures(facts: Facts, layer: Subschema, rule: Rule, splits: number): readonly Failure[];
  holds(former: readonly Subschema[], next: Subschema): boolean;
  facts(parts: readonly Subschema[]): Facts;
  accepts(schema: Subschema, value: JsonValue): boolean | undefined;
  /** The types of all values that the schema may accept. */
  typesOf(schema: Subschema): number;
  /** Both mean the same for the same reason: they are written alike, annotations aside, and so is what they refer to. */
  sameText(one: Subschema, other: Subschema): boolean;
  /** Throws when the work allowed for one comparison is used up. */
  readonly spend: Spend;
}
