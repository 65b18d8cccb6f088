/** Settings with their secrets masked. */

const hidden = "***";

/**
 * A value without what is secret in it: of a URL the password goes, or the whole user when it may be a token, and the
 * parameters that look like secrets; a secret that is no URL goes as a whole. What has an `@` and is no clean URL is not
 * trusted to be none. The text of a PEM file goes as a whole: it may be a private key.
 */
export function masked(value: string, secret = false): string {
  if (value === "") return "";
  if (isPemText(value)) return hidden;
  const url = cleanUrl(value);
  if (url) return `${url.scheme}${withoutPassword(url.user, secret)}${url.place}${withoutSecrets(url.query)}`;
  const isHarmless = secret ? /^sqlite:[^?#@]*$/.test(value) : !value.includes("@");
  return isHarmless ? withoutSecrets(value) : hidden;
}

/** Whether a value is what stands in a PEM file, where its path was wanted. */
export function isPemText(value: string): boolean {
  return value.includes("-----BEGIN ");
}

/** The path of a file that has a secret; what does not begin like a path may be the secret itself, and is not shown. */
export function maskedPath(path: string): string {
  return /^\.{0,2}\//.test(path) ? masked(path) : hidden;
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

/** A name without a password is a user only where there are users: of the store. */
function withoutPassword(user: string, isStore: boolean): string {
  if (user === "") return "";
  const [name = "", password] = user.replace(/@$/, "").split(/:(.*)/s);
  if (password === undefined) return isStore ? user : `${hidden}@`;
  return `${name}:${hidden}@`;
}

function withoutSecrets(query: string): string {
  return query.replace(/([^=&?#\s]*(?:pass|pwd|secret|token|key|auth|credential|signature)[^=&?#\s]*=)[^&#\s]*/gi, `$1${hidden}`);
}
