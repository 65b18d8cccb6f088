/**
 * The value that a JSON Pointer (RFC 6901) leads to; undefined when there is none. In a list `-` is its last item: by the RFC it is what
 * comes after that, which has no value.
 */
export function at(json: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((value, token) => {
      if (Array.isArray(value) && token === "-") return value.at(-1);
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, token)) return undefined;
      return (value as Readonly<Record<string, unknown>>)[token];
    }, json);
}
