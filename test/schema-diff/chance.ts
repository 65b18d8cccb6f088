/** Choices that fast-check makes, so that it can repeat and shrink them. */
import { type GeneratorValue, nat } from "fast-check";

export interface Chance {
  /** From 0 to `below` - 1; shrinks to 0. */
  readonly number: (below: number) => number;
  /** True in about one of `n` cases. */
  readonly oneIn: (n: number) => boolean;
  /** Of a list that is not empty; shrinks to the first. */
  readonly pick: <T>(items: readonly T[]) => T;
  /** `least` to `most` results of `make`. */
  readonly some: <T>(least: number, most: number, make: () => T) => readonly T[];
}

export function chanceOf(generate: GeneratorValue): Chance {
  const number = (below: number) => generate(nat, below - 1);
  return {
    number,
    oneIn: (n) => number(n) === n - 1,
    pick: <T>(items: readonly T[]) => items[number(items.length)] as T,
    some: (least, most, make) => Array.from({ length: least + number(most - least + 1) }, make),
  };
}
