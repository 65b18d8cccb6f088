/** Settings as they may be shown. */

const hidden = "***";

/** A secret without what is secret in it: of a URL the password and the parameters go, of anything else everything. */
export function masked(value: string, secret: boolean): string {
  if (value === "") return "";
  const url = /^(?<scheme>[a-z][a-z0-9+.-]*:\/\/)(?:(?<user>[^/?#]*)@)?(?<rest>[^?#@]*)(?<query>[?#].*)?$/i.exec(value)?.groups;
  if (!url) return secret && !/^sqlite:[^?#]*$/.test(value) ? hidden : value;
  const user = url["user"] === undefined ? "" : `${url["user"].split(":")[0] ?? ""}${url["user"].includes(":") ? `:${hidden}` : ""}@`;
  return `${url["scheme"]}${user}${url["rest"]}${secret ? maskedQuery(url["query"] ?? "") : (url["query"] ?? "")}`;
}

/** Values of parameters that look like passwords go. */
function maskedQuery(query: string): string {
  return query.replace(/([?&#][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&]*/gi, `$1${hidden}`);
}
