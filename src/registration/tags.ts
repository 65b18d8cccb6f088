/** Which tags an instance has: those of its request or those that UpdateTags set, and those derived from what it is. */
import type { Registration } from "./records.ts";
import type { RegisterInput } from "./types.ts";

type Tagged = Pick<Registration, "request" | "desiredTags">;

/** The tags a registration is to have, without derived ones. */
export function tagsOf({ request, desiredTags }: Tagged): readonly string[] {
  return desiredTags ?? request.tags;
}

/**
 * The tags set by UpdateTags that a registration in the place of `former` takes over, when its request asks for `asked`: a
 * request for the same tags as before has not asked for others. Undefined when it has those it asks for.
 */
export function inheritedTags(asked: readonly string[], former: Tagged | undefined): readonly string[] | undefined {
  return former && sameTags(former.request.tags, asked) ? former.desiredTags : undefined;
}

export function sameTags(some: readonly string[], others: readonly string[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}

/** As tags of an entry. */
export function capabilityTags({ capabilities }: Pick<RegisterInput, "capabilities">): readonly string[] {
  return capabilities.map((capability) => `capability:${capability}`);
}

/** The tags that an entry has beside those its instance asks for. */
export function derivedTags(request: Pick<RegisterInput, "capabilities" | "type">): readonly string[] {
  return [...capabilityTags(request), ...(request.type === "MODULE" ? ["module"] : [])];
}

/** All tags of an entry, as the catalog shows them, when its instance has `tags` of its own. */
export function shownTags(request: Pick<RegisterInput, "capabilities" | "type">, tags: readonly string[]): readonly string[] {
  return [...new Set([...tags, ...derivedTags(request)])];
}
