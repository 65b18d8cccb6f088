/** Assigning people to places so that each person takes one: maximum bipartite matching by augmenting paths (Kuhn 1955). Pure. */

/**
 * The greatest possible number of people at each place. `choices[p]` are the places that person p may take; `capacity[i]` is how
 * many place i takes at most.
 */
export function assign(choices: readonly (readonly number[])[], capacity: readonly number[]): readonly number[] {
  const seated: number[][] = capacity.map(() => []);
  const seat = (person: number, tried: Set<number>): boolean => {
    for (const place of choices[person] ?? []) {
      if (tried.has(place)) continue;
      tried.add(place);
      const here = seated[place] ?? [];
      if (here.length < (capacity[place] ?? 0)) {
        here.push(person);
        return true;
      }
      const moved = here.findIndex((other) => seat(other, tried));
      if (moved < 0) continue;
      here[moved] = person;
      return true;
    }
    return false;
  };
  for (const person of choices.keys()) seat(person, new Set());
  return seated.map((people) => people.length);
}
