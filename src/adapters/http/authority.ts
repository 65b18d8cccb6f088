import { isIPv6 } from "node:net";

/** `host:port` as it stands in a URL. */
export function authority(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
