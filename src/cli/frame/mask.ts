/** Settings with their secrets masked. */

const hidden = "***";

/**
 * A value without its secrets: a URL loses its password, and a secret URL also parameters that look like
 * passwords; any other secret is masked entirely. A value with an `@` that is not a clean URL is treated as a secret.
 */
export function masked(value: string, secret: boolean): string {
  if (value === "") return "";
  const url = cleanUrl(value);
  if (url) return `${url.scheme}${withoutPassword(url.user)}${url.place}${secret ? withoutPasswords(url.query) : url.query}`;
  const isHarmless = secret ? /^sqlite:[^?#@]*$/.test(value) : !value.includes("@");
  return isHarmless ? value : hidden;
}

interface CleanUrl {
  readonly scheme: string;
  /** With its `@`; empty when there is none. */
  readonly user: string;
  readonly place: string;
  readonly query: string;
}

/** A URL whose parts are unambiguous. */
function cleanUrl(value: string): CleanUrl | undefined {
  const parts = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#@]*@)?([^?#@]*)([?#][^@]*)?$/i.exec(value);
  if (!parts || !URL.canParse(value)) return undefined;
  const [, scheme = "", user = "", place = "", query = ""] = parts;
  return { scheme, user, place, query };
}

function withoutPassword(user: string): string {
  const [name = "", password] = user.replace(/@$/, "").split(/:(.*)/s);
  return password === undefined ? user : `${name}:${hidden}@`;
}

function withoutPasswords(query: string): string {
  return query.replace(/([?&#][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*/gi, `$1${hidden}`);
}
