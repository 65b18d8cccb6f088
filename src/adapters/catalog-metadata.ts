import { createHash } from "node:crypto";

/** Limits of Consul, applied by every catalog so that all backends behave the same. */
const maxPairs = 64;
const maxKeyLength = 128;
const maxValueBytes = 512;

/** Number of given pairs that are not in the catalog; absent when all are. */
export const omittedKey = "muster-omitted";

/** Set on an entry that is on trial beside the one it is to replace, and hides it: the service id that it wants to take over. */
export const trialOfKey = "muster-trial-of";

/**
 * The metadata of an entry: `own` unchanged, and the part of `given` that fits.
 *
 * Keys become `[A-Za-z0-9_-]{1,128}`, never two the same:
 * - a key that is already of this form keeps its name;
 * - in any other key each foreign character becomes `_` (`build.commit` → `build_commit`), and a leading `consul-`,
 *   which Consul keeps for itself, becomes `consul_`;
 * - a key that would get the name of another one, or one of our names, gets `-` and the first eight hex digits of
 *   the SHA-256 of the key as given. The result does not depend on the order of the keys.
 *
 * Values above 512 bytes, and what is beyond 64 pairs in the order of the given keys, are omitted and counted in
 * `muster-omitted`.
 */
export function catalogMetadata(own: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const keys = Object.keys(given).toSorted();
  const names = catalogNames(keys, new Set([...Object.keys(own), omittedKey, trialOfKey]));
  const fitting = keys.flatMap((key): [string, string][] => {
    const name = names.get(key);
    const value = given[key] ?? "";
    return name === undefined || Buffer.byteLength(value) > maxValueBytes ? [] : [[name, value]];
  });

  const room = maxPairs - Object.keys(own).length;
  const complete = fitting.length === keys.length && fitting.length <= room;
  const kept = complete ? fitting : fitting.slice(0, room - 1);
  const omitted: [string, string][] = complete ? [] : [[omittedKey, String(keys.length - kept.length)]];
  return Object.fromEntries([...kept, ...omitted, ...Object.entries(own)]);
}

/** The catalog's name for each key; a key is missing when even its hash is taken, which takes a hostile caller. */
function catalogNames(keys: readonly string[], reserved: ReadonlySet<string>): ReadonlyMap<string, string> {
  const owners = Map.groupBy(keys, plainName);
  const names = new Map<string, string>();
  for (const key of keys) {
    if (plainName(key) === key && !reserved.has(key)) names.set(key, key);
  }
  const taken = new Set([...reserved, ...names.values()]);
  for (const key of keys) {
    if (names.has(key)) continue;
    const plain = plainName(key);
    const alone = owners.get(plain)?.length === 1 && !reserved.has(plain);
    const name = alone ? plain : hashedName(plain, key);
    if (taken.has(name)) continue;
    taken.add(name);
    names.set(key, name);
  }
  return names;
}

function plainName(key: string): string {
  const name = key.replace(/[^A-Za-z0-9_-]/gu, "_").replace(/^consul-/, "consul_");
  return name === "" ? "_" : name.slice(0, maxKeyLength);
}

function hashedName(plain: string, key: string): string {
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 8);
  return `${plain.slice(0, maxKeyLength - 9)}-${hash}`;
}
