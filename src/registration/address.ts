/**
 * Which hosts may be named in a request and which addresses may be dialled, by us and by the catalog's checks.
 * Pure: resolving a name is the caller's part; every answer goes through `judgeAddress`.
 */
import ipaddr from "ipaddr.js";

export interface AddressPolicy {
  /** Loopback addresses are for development: allowed only when this is set. */
  readonly allowLoopback: boolean;
  /** When not empty, an address must lie in one of these CIDR ranges. Cannot allow what is always denied. */
  readonly allowedRanges: readonly string[];
}

const label = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** Instance metadata services that lie outside the link-local range. */
const metadataAddresses = new Set(["100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"]);

/** True for a literal IPv4 (four decimal parts) or IPv6 address without zone or brackets; an IPv4 one at its end has four decimal parts, too. */
export function isIpLiteral(host: string): boolean {
  if (!host.includes(":")) return ipaddr.IPv4.isValidFourPartDecimal(host);
  const end = host.slice(host.lastIndexOf(":") + 1);
  return !host.includes("%") && ipaddr.IPv6.isValid(host) && (!end.includes(".") || ipaddr.IPv4.isValidFourPartDecimal(end));
}

/**
 * What is wrong with a host as text, or undefined: an IP literal, or a DNS name of at most 253 characters whose last
 * label does not look like a number (so that `127.1`, `0x7f000001` and `2130706433` are not read as addresses later).
 */
export function hostViolation(host: string): string | undefined {
  if (host === "") return "must not be empty";
  if (host.length > 253) return "must be at most 253 characters";
  if (isIpLiteral(host)) return undefined;
  const labels = host.split(".");
  if (!labels.every((part) => label.test(part))) return "must be a DNS name or an IP address, without scheme, port, path or user";
  const last = labels.at(-1) ?? "";
  if (/^(\d+|0x[0-9a-f]*)$/i.test(last)) return "must not end in a number: write an IPv4 address as four decimal parts";
  return undefined;
}

/** Why an IP address may not be dialled, or undefined when it may. */
export function judgeAddress(address: string, policy: AddressPolicy): string | undefined {
  const ip = unwrap(ipaddr.parse(address));
  const text = ip.toString();
  if (metadataAddresses.has(text)) return "is an instance metadata address";
  const range = ip.range();
  if (text === "169.254.169.254") return "is an instance metadata address";
  if (range === "linkLocal") return "is link-local";
  if (range === "unspecified" || text.startsWith("0.")) return "is unspecified";
  if (range === "multicast" || range === "broadcast") return `is ${range}`;
  if (range === "reserved" || !isOrdinary(ip)) return "is reserved";
  if (policy.allowedRanges.length > 0) {
    return policy.allowedRanges.some((cidr) => within(ip, cidr)) ? undefined : "is outside the allowed ranges";
  }
  if (range === "loopback" && !policy.allowLoopback) return "is loopback";
  return undefined;
}

/** Of IPv6: global unicast, unique local and loopback; what tunnels, translates, discards or routes by segments is not. */
function isOrdinary(ip: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (ip.kind() === "ipv4") return true;
  const range = ip.range();
  return range === "uniqueLocal" || range === "loopback" || (range === "unicast" && within(ip, "2000::/3"));
}

/** What is wrong with a CIDR range of the configuration, or undefined. Also one that would be read as another than it seems, such as `10/8`. */
export function cidrViolation(cidr: string): string | undefined {
  const base = cidr.split("/", 1)[0] ?? "";
  if (!ipaddr.isValidCIDR(cidr) || !isIpLiteral(base)) return "must be a CIDR range such as 10.0.0.0/8 or fd00::/8";
  return unwrap(ipaddr.parse(base)).kind() === ipaddr.parse(base).kind() ? undefined : "must be written as the range of IPv4 that it carries";
}

/** An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is judged by the IPv4 address inside. */
function unwrap(ip: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (ip.kind() === "ipv4") return ip;
  const v6 = ip as ipaddr.IPv6;
  const bytes = v6.toByteArray();
  const range = v6.range();
  // A translator of a site of its own (64:ff9b:1::/48) may place the IPv4 address elsewhere.
  const isNat64 = range === "rfc6052" && bytes.slice(4, 12).every((byte) => byte === 0);
  if (range === "ipv4Mapped" || isNat64) return new ipaddr.IPv4(bytes.slice(12));
  if (range === "6to4") return new ipaddr.IPv4(bytes.slice(2, 6));
  const compatible = bytes.slice(0, 12).every((byte) => byte === 0) && bytes.slice(12, 15).some((byte) => byte !== 0);
  return compatible ? new ipaddr.IPv4(bytes.slice(12)) : v6;
}

function within(ip: ipaddr.IPv4 | ipaddr.IPv6, cidr: string): boolean {
  const [base, bits] = ipaddr.parseCIDR(cidr);
  return base.kind() === ip.kind() && ip.match(base, bits);
}
