/**
 * What identifies a name, a host and an instance however they are spelled. Pure; the store keeps the results, so that a change
 * of these rules needs a migration that computes them anew. For comparing only: what is displayed stays as it was given.
 */
import ipaddr from "ipaddr.js";
import { isIpLiteral } from "./address.ts";
import { serviceIdOf } from "./service-id.ts";
import type { RegisterInput } from "./types.ts";

/** The only characters beyond ASCII whose simple case folding is an ASCII one: the Kelvin sign and the long s. */
const foldedToAscii: ReadonlySet<string> = new Set(["\u212a", "\u017f"]);
// oxlint-disable-next-line no-control-regex
const ascii = /^[\u0000-\u007f]*$/;

/** Texts that differ only in case, by Unicode's simple case folding, become the same text; its length in characters stays. */
export function foldCase(text: string): string {
  return ascii.test(text) ? text.toLowerCase() : Array.from(text, foldCharacter).join("");
}

function foldCharacter(character: string): string {
  const folded = lower(upper(character));
  // The dotless i has I as its upper case, and is another letter all the same.
  return ascii.test(folded) && !ascii.test(character) && !foldedToAscii.has(character) ? character : folded;
}

function upper(character: string): string {
  const one = character.toUpperCase();
  return Array.from(one).length === 1 ? one : character;
}

function lower(character: string): string {
  const one = character.toLowerCase();
  return Array.from(one).length === 1 ? one : character;
}

/** The same for all spellings of a name. */
export function nameKeyOf(name: string): string {
  return foldCase(name);
}

/** The same for all spellings of a host: case, a dot at its end, the forms of one IP address (an IPv6 one that carries an IPv4 one is that). */
export function hostKeyOf(host: string): string {
  if (isIpLiteral(host)) return ipaddr.process(host).toString();
  return foldCase(host.endsWith(".") ? host.slice(0, -1) : host);
}

/** A service id whose host is an IPv6 address or ends in a dot. Names have no colon and do not end in a dot. */
const respelled = /^(.+)-([0-9a-f:.]*:[0-9a-f:.]*|[^-]*\.)-(\d+)$/;

/** The same for all spellings of a service id, and of the name and the host in it. */
export function idKeyOf(serviceId: string): string {
  const folded = foldCase(serviceId);
  // Nearly all: lists of thousands are keyed at each change.
  if (!folded.includes(":") && !folded.includes(".-")) return folded;
  const [, name, host, port] = respelled.exec(folded) ?? [];
  return name === undefined || host === undefined ? folded : serviceIdOf(name, hostKeyOf(host), Number(port));
}

/** The same for all requests whose health check dials one address and port; `address` is the one that was checked, however it is written. */
export function checkKeyOf({ connectivity }: Pick<RegisterInput, "connectivity">, address: string): string {
  return `[${hostKeyOf(address)}]:${connectivity.internalPort ?? connectivity.advertisedPort}`;
}

interface Place {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** True when both are the same but for spelling. Equal service ids do not say so: see `serviceIdOf`. */
export function isSamePlace(one: Place, other: Place): boolean {
  return one.port === other.port && nameKeyOf(one.name) === nameKeyOf(other.name) && hostKeyOf(one.host) === hostKeyOf(other.host);
}
