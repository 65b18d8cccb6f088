/** The work that one comparison may take, in small steps. */

/** Thrown when all of it is used up. */
export class Exhausted extends Error {}

export type Spend = (steps: number) => void;

export function budgetOf(steps: number): Spend {
  let left = steps;
  return (amount) => {
    left -= amount;
    if (left < 0) throw new Exhausted("there is too much to compare");
  };
}
