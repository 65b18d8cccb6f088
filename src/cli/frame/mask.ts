/** Settings as they may be shown. */

const hidden = "***";

/**
 * A value without what is secret in it: of a URL the password goes, and of a secret one the parameters that look like
 * passwords; another secret goes as a whole. What has an `@` and is no clean URL is not trusted to be none.
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

/** A URL whose parts cannot be taken for one another. */
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
