/** Assigning people to places so that each person takes one: maximum bipartite matching by augmenting paths (Kuhn 1955). Pure. */

/**
 * The greatest possible number of people at each place. `choices[p]` are the places that person p may take; `capacity[i]` is how
 * many place i takes at most. A free place is taken before anybody is moved, and places from which a search led nowhere are not searched
 * again, since no later one can succeed there: so the work grows with the number of people, where they have few different choices.
 */
export function assign(choices: readonly (readonly number[])[], capacity: readonly number[]): readonly number[] {
  const seated: number[][] = capacity.map(() => []);
  const seat = (person: number, tried: Set<number>): boolean => {
    const places = choices[person] ?? [];
    const free = places.find((place) => (seated[place]?.length ?? 0) < (capacity[place] ?? 0));
    if (free !== undefined) {
      seated[free]?.push(person);
      return true;
    }
    for (const place of places) {
      if (tried.has(place)) continue;
      tried.add(place);
      const here = seated[place] ?? [];
      const moved = here.findIndex((other) => seat(other, tried));
      if (moved < 0) continue;
      here[moved] = person;
      return true;
    }
    return false;
  };
  let full: ReadonlySet<number> = new Set();
  for (const person of choices.keys()) {
    const tried = new Set(full);
    if (!seat(person, tried)) full = tried;
  }
  return seated.map((people) => people.length);
}
