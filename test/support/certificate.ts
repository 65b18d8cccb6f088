import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Certificate {
  /** PEM, signed with its own key. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/** A fresh self-signed certificate for 127.0.0.1 and the given names, valid for two days. */
export function selfSigned(...names: readonly string[]): Promise<Certificate> {
  return make(ec, names);
}

/** The same with a key of RSA. */
export function rsaSigned(...names: readonly string[]): Promise<Certificate> {
  return make(["-newkey", "rsa:2048"], names);
}

async function make(kind: readonly string[], names: readonly string[]): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), "muster-certificate-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subjects = ["IP:127.0.0.1", ...names.map((name) => `DNS:${name}`)].join(",");
    const about = ["-subj", `/CN=${names[0] ?? "module"}`, "-addext", `subjectAltName=${subjects}`];
    await promisify(execFile)("openssl", ["req", "-x509", ...kind, "-nodes", "-days", "2", ...about, "-keyout", key, "-out", cert]);
    return { cert: await readFile(cert), key: await readFile(key) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
