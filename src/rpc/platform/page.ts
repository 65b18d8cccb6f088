/** Pages of what has an id that grows with time, newest first. */
import type { Violations } from "./check.ts";

const defaultPageSize = 50;
const maxPageSize = 500;

/** Newest first. */
export interface PageQuery {
  readonly tenant: string;
  /** Only those before this id. */
  readonly beforeId: string | undefined;
  readonly limit: number;
}

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** The query of a page, for one item more than it has. */
export function pageOf({ pageSize, pageToken }: PageRequest, tenant: string, bad: Violations): PageQuery {
  if (pageSize < 0 || pageSize > maxPageSize) bad.add("page_size", `must be from 0 to ${maxPageSize}`);
  if (pageToken !== "" && !/^[0-9a-f-]{36}$/.test(pageToken)) bad.add("page_token", "is not a token of this server");
  return { tenant, limit: (pageSize || defaultPageSize) + 1, beforeId: pageToken || undefined };
}

/** The items of a page, and the token of the next one. */
export function paged<T extends { readonly id: string }>(
  found: readonly T[],
  { limit }: PageQuery,
): { readonly items: readonly T[]; readonly nextPageToken: string } {
  const items = found.slice(0, limit - 1);
  return { items, nextPageToken: found.length === limit ? (items.at(-1)?.id ?? "") : "" };
}
