/** True when a version, as the server gives it (`1.8.7+ent`, `9.7.4-2`), is at least the one wanted. */
export function isAtLeast(version: string, wanted: string): boolean {
  const given = numbersOf(version);
  for (const [i, least] of numbersOf(wanted).entries()) {
    const have = given[i] ?? 0;
    if (have !== least) return have > least;
  }
  return true;
}

function numbersOf(version: string): readonly number[] {
  return (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? "0").split(".").map(Number);
}
