/** The directory as a document behind a URL: the directory file's format, in YAML or JSON. */
import type { DirectoryDocuments } from "../../approvals/directory/source.ts";
import type { ResolveHost } from "../../registration/register.ts";
import { parseDirectoryFile } from "../directory-file/parse.ts";
import { bodyOf, openGuarded } from "../http/guarded.ts";

const limits = { connections: 1, limitMs: 10_000, maxAnswerBytes: 16 * 1_048_576 } as const;

export interface HttpDirectoryOptions {
  readonly url: string;
  /** Sent as bearer token; undefined: none. */
  readonly secret: string | undefined;
  readonly resolveHost: ResolveHost;
}

/** Reads it once: within ten seconds, at most 16 MiB. Rejects with a DomainError that says what is wrong. */
export async function readHttpDirectory({ url, secret, resolveHost }: HttpDirectoryOptions, signal: AbortSignal): Promise<DirectoryDocuments> {
  const place = new URL(url);
  using client = await openGuarded(place, resolveHost, signal, limits);
  const headers = { accept: "application/json, application/yaml", ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }) };
  return parseDirectoryFile(await bodyOf(client, { method: "GET", path: place.pathname + place.search, headers }, signal));
}
