/**
 * Keeps web pages out of a server that lets anybody on its machine in. A page that a browser on this machine shows can call
 * loopback: by a name of its own that it lets resolve to it (DNS rebinding), or directly.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { IncomingHttpHeaders as Http2Headers } from "node:http2";

export type RefuseForeign = (headers: IncomingHttpHeaders | Http2Headers) => string | undefined;

/** Also the path of a socket, as gRPC clients write it: no browser can name that. */
const local = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$|^%2f/i;

/** What is wrong with a request that names this server, or where it comes from, by another host than loopback or `host`. `pages`: origins that may call all the same. */
export function localOnly(host: string, pages: readonly string[] = []): RefuseForeign {
  const own = (host.includes(":") ? `[${host}]` : host).toLowerCase();
  const isOwn = (name: string) => local.test(name) || name.replace(/:\d{1,5}$/, "").toLowerCase() === own;
  return (headers) => {
    const named = [headers[":authority"], headers.host].find((name) => typeof name === "string" && !isOwn(name));
    if (named !== undefined) return "this server is open to its own machine only, as localhost or a loopback address";
    const { origin } = headers;
    if (origin === undefined || pages.includes(origin)) return undefined;
    const from = /^https?:\/\/(.+)$/i.exec(origin)?.[1];
    return from !== undefined && isOwn(from) ? undefined : "this server is open to its own machine only, not to web pages of others";
  };
}
