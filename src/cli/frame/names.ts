/** The name of a value of a generated enum, or the number of one that this version does not know. */
export function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
}
