import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates extends Disposable {
  readonly ca: string;
  /** The authority's certificate as a file, for tools. */
  readonly caFile: string;
  /** For 127.0.0.1 and localhost. */
  readonly server: Pair;
  readonly client: Pair;
  /** Signed by nobody the server knows. */
  readonly stranger: Pair;
}

/** A throw-away authority and what it signed, made with the openssl command line. */
export function makeCertificates(): Certificates {
  const dir = mkdtempSync(join(tmpdir(), "muster-certs-"));
  const file = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  const key = (name: string) => openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", file(`${name}.key`));
  const selfSigned = (name: string) => {
    key(name);
    openssl("req", "-x509", "-new", "-key", file(`${name}.key`), "-subj", `/CN=${name}`, "-days", "2", "-out", file(`${name}.crt`));
  };
  const signed = (name: string) => {
    key(name);
    openssl("req", "-new", "-key", file(`${name}.key`), "-subj", `/CN=${name}`, "-out", file(`${name}.csr`));
    writeFileSync(file(`${name}.ext`), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl(
      "x509",
      "-req",
      "-in",
      file(`${name}.csr`),
      "-CA",
      file("ca.crt"),
      "-CAkey",
      file("ca.key"),
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      file(`${name}.ext`),
      "-out",
      file(`${name}.crt`),
    );
  };
  const pair = (name: string): Pair => ({ cert: readFileSync(file(`${name}.crt`), "utf8"), key: readFileSync(file(`${name}.key`), "utf8") });
  selfSigned("ca");
  selfSigned("stranger");
  signed("server");
  signed("client");
  return {
    ca: pair("ca").cert,
    caFile: file("ca.crt"),
    server: pair("server"),
    client: pair("client"),
    stranger: pair("stranger"),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}
