/** Which URLs may be endpoints. What their hosts resolve to is judged at every attempt. */
import type { Hosts } from "./ports.ts";

const maxLength = 2_048;
const printableAscii = /^[\x21-\x7e]+$/;

/** What is wrong with a URL, or undefined. `isSigned`: what is not may go to loopback alone. */
export function urlViolation(text: string, isSigned: boolean, hosts: Hosts): string | undefined {
  if (text.length > maxLength || !printableAscii.test(text) || !URL.canParse(text)) return `must be a URL of at most ${maxLength} printable ASCII characters`;
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must be https, or http on loopback";
  if (url.username !== "" || url.password !== "") return "must have no user and no password: deliveries are signed";
  if (url.hash !== "") return "must have no fragment";
  const host = hostOf(url);
  const violation = hosts.violation(host);
  if (violation !== undefined) return `has a host that ${violation}`;
  if (hosts.isLoopback(host)) return undefined;
  if (url.protocol === "http:") return "must be https, since its host is not loopback";
  return isSigned ? undefined : "must be on loopback, since no secret signs what it is sent";
}

/** The host of a URL, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
