/**
 * Whether a schema version can have this name in any registry: what Apicurio accepts, except `.` and `..`, which it lets one create
 * but which cannot be part of a path to read it again.
 */
export function isStorable(artifactId: string, version: string): boolean {
  return isNamed(artifactId, /^[\x20-\x24\x26-\x7e]{1,512}$/) && isNamed(version, /^[A-Za-z0-9._+-]{1,256}$/);
}

function isNamed(name: string, pattern: RegExp): boolean {
  return pattern.test(name) && name !== "." && name !== "..";
}
