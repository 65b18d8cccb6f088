import { foldCase } from "./keys.ts";

/**
 * What is wrong with tags that the catalog derives from an instance's type and capabilities, where a caller gives them;
 * undefined when there is none. Such a tag would be shown as a capability that the instance has not registered with. Consul's
 * filter by tag and its DNS take no notice of case, so no case of it is taken here.
 */
export function reservedTagVerdict(tags: readonly string[]): string | undefined {
  const folded = tags.map(foldCase);
  const reserved = folded.findIndex((tag) => tag === "module" || tag.startsWith("capability:"));
  if (reserved < 0) return undefined;
  const instead = folded[reserved] === "module" ? "the type of the instance" : "the field capabilities of Register";
  return `entry ${reserved} must not be "module" nor begin with "capability:", which are derived from what was registered: use ${instead}`;
}
