/** What a status of another server says, as text. */

/** Those that lead elsewhere (RFC 9110, 15.4): 304 and the rest do not. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The status of an answer that is not what was wanted. */
export function refusedWith(status: number): string {
  return redirects.has(status) ? `HTTP ${status}: redirects are not followed` : `HTTP ${status}`;
}
