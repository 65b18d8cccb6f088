/** Files of authorities, as certificates of others are verified against. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

/** The certificates in the text of a PEM file, in order; empty where there is none. Throws where one cannot be read. */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  return [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(([block]) => new X509Certificate(block));
}

/**
 * The text of a PEM file of authorities. Rejects where it has no certificate: TLS would take an empty one for "those of the
 * system", and another one for nobody's, without a word.
 */
export async function readAuthorities(path: string): Promise<string> {
  const pem = await readFile(path, "utf8");
  if (certificatesIn(pem).length === 0) throw new Error(`${path} has no certificate`);
  return pem;
}
