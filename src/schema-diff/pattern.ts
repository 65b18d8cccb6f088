/**
 * The part of regular expressions that is decidable without running one: those made of plain characters, anchored or not,
 * and those that match every text.
 */

const matchAll = new Set(["", "^", "$", ".*", "^.*", ".*$"]);

/** Whether a text matches; undefined when the pattern is not one of the plain ones. */
export function patternMatches(pattern: string, text: string): boolean | undefined {
  if (matchesAll(pattern)) return true;
  const plain = /^(\^?)([A-Za-z0-9_ :@/-]*)(\$?)$/.exec(pattern);
  if (!plain) return undefined;
  const [, start, middle = "", end] = plain;
  if (start && end) return text === middle;
  if (start) return text.startsWith(middle);
  return end ? text.endsWith(middle) : text.includes(middle);
}

export function matchesAll(pattern: string): boolean {
  return matchAll.has(pattern);
}
