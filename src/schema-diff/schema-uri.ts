/** URIs that schemas have and refer to. Nothing is ever fetched: they are names. */

/** The base of a schema without a name of its own. */
export const unnamed = "http://schema.invalid/";

/** The most characters of a URI, as written and as resolved. */
export const longestUri = 2_048;

/** What stands before the first `#`, and after it; the latter undefined without a `#`. */
export function splitFragment(text: string): { readonly uri: string; readonly fragment: string | undefined } {
  const at = text.indexOf("#");
  return at < 0 ? { uri: text, fragment: undefined } : { uri: text.slice(0, at), fragment: text.slice(at + 1) };
}

/**
 * A reference without a fragment, resolved against a base. The same resource has one URI: `https` counts as `http`. What is
 * no URI stands for itself.
 */
export function resolvedUri(reference: string, base: string): string {
  if (reference === "") return base;
  const resolved = URL.parse(reference, base)?.href ?? reference;
  return resolved.replace(/^https:/, "http:");
}

/** Percent-encoding undone; the text as it is where that is malformed. */
export function decodedFragment(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

/** Whether a URI is that of a dialect's own schema, or a part of it, which every validator has at hand. */
export function isMetaSchema(uri: string): boolean {
  return /^http:\/\/json-schema\.org\/(?:draft-0[467]\/schema|draft\/20(?:19-09|20-12)\/(?:schema|meta\/[a-z-]+))$/.test(uri);
}
