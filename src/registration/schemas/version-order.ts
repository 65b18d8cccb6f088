/**
 * Which of several versions is later. Where all of them are semantic versions (semver.org 2.0.0), their precedence decides,
 * so that a patch of an old line does not become the latest version; where one is not, the order of their registration does.
 */

interface SemanticVersion {
  readonly numbers: readonly string[];
  /** Empty for a release. */
  readonly prerelease: readonly string[];
}

/** The latest first. `newestFirst` is in the order of registration, which also decides between equals. */
export function latestFirst<T extends { readonly version: string }>(newestFirst: readonly T[]): readonly T[] {
  const parsed = newestFirst.map((item) => ({ item, semantic: semanticVersionOf(item.version) }));
  const semantic = parsed.filter((one): one is { item: T; semantic: SemanticVersion } => one.semantic !== undefined);
  if (semantic.length < parsed.length) return newestFirst;
  return semantic.toSorted((a, b) => precedence(b.semantic, a.semantic)).map(({ item }) => item);
}

/** The version that a new one follows on: the latest one that does not come after it; undefined when there is none. */
export function predecessorOf(version: string, newestFirst: readonly string[]): string | undefined {
  const others = newestFirst.filter((other) => other !== version).map((other) => ({ version: other }));
  const ordered = latestFirst([{ version }, ...others]);
  return ordered[ordered.findIndex((one) => one.version === version) + 1]?.version;
}

/** Whether a version comes before another one of the same major version; false where that is not known, since one is not semantic. */
export function isDowngrade(version: string, live: readonly string[]): boolean {
  const given = semanticVersionOf(version);
  return live.some((other) => {
    const semantic = semanticVersionOf(other);
    return given !== undefined && semantic !== undefined && semantic.numbers[0] === given.numbers[0] && precedence(given, semantic) < 0;
  });
}

function semanticVersionOf(text: string): SemanticVersion | undefined {
  const number = "(0|[1-9]\\d*)";
  const parts = new RegExp(`^${number}\\.${number}\\.${number}(?:-([0-9A-Za-z.-]+))?(?:\\+([0-9A-Za-z.-]+))?$`).exec(text);
  if (!parts) return undefined;
  const [, major = "", minor = "", patch = "", suffix, build] = parts;
  const prerelease = suffix?.split(".") ?? [];
  const isWrong = prerelease.some((part) => part === "" || /^0\d+$/.test(part)) || build?.split(".").includes("");
  return isWrong === true ? undefined : { numbers: [major, minor, patch], prerelease };
}

/** Negative when `a` comes before `b`. Build metadata does not count. */
function precedence(a: SemanticVersion, b: SemanticVersion): number {
  for (const [index, number] of a.numbers.entries()) {
    const order = byNumber(number, b.numbers[index] ?? "");
    if (order !== 0) return order;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return b.prerelease.length - a.prerelease.length;
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    const order = other === undefined ? 1 : byIdentifier(part, other);
    if (order !== 0) return order;
  }
  return a.prerelease.length - b.prerelease.length;
}

/** Numbers come before words. */
function byIdentifier(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOtherNumber) return byNumber(a, b);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return byText(a, b);
}

/** Of any length, without leading zeros. */
function byNumber(a: string, b: string): number {
  return a.length - b.length || byText(a, b);
}

function byText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
