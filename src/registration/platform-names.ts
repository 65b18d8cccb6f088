/** Under which consumers look for the platform itself, and the catalog keeps what is its own. */
const platformNames = ["muster", "muster-trial", "consul"];

/**
 * True for a name that nobody may register: the platform's own and `selfName`, as what this server registers itself. Names
 * are compared as DNS does: without case, and without a dot at the end.
 */
export function isPlatformName(name: string, selfName: string | undefined): boolean {
  const asked = folded(name);
  return platformNames.includes(asked) || (selfName !== undefined && asked === folded(selfName));
}

function folded(name: string): string {
  return name.replace(/\.+$/, "").toLowerCase();
}
