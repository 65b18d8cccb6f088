/** Why there was no answer of a Muster, from error codes, and what to try next. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { statusName } from "../../kernel/status-name.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Failure } from "./failure.ts";
import type { Target } from "./target.ts";

interface Cause {
  readonly message: string;
  readonly hints: readonly string[];
}

const probeMs = 1_500;

/** A call without an answer as a failure. Sends one request to the port, over HTTP/1.1, when that can show the cause. */
export async function unreachable(error: ConnectError, target: Target): Promise<Failure> {
  const codes = causesOf(error);
  const { message, hints } = causeFor(codes, error, target) ?? (await probed(target)) ?? { message: `the call failed: ${error.rawMessage}`, hints: [] };
  return {
    exitCode: exitCodes.unreachable.code,
    status: statusName(error.code === Code.DeadlineExceeded ? Code.DeadlineExceeded : Code.Unavailable),
    reason: "",
    message,
    metadata: {},
    fields: [],
    retryAfterMs: undefined,
    requestId: "",
    hints,
  };
}

/** Codes of Node along the chain of causes: `ECONNREFUSED`. */
export function causesOf(error: Error): readonly string[] {
  const codes: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && codes.length < 8; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") codes.push(cause.code);
    if (cause instanceof AggregateError) codes.push(...cause.errors.flatMap((it: unknown) => (it instanceof Error && "code" in it ? [String(it.code)] : [])));
  }
  return codes;
}

function causeFor(codes: readonly string[], error: ConnectError, { address, tls }: Target): Cause | undefined {
  const any = (...names: readonly string[]): boolean => names.some((name) => codes.includes(name));
  const whichServer = "Select another server with --address HOST:PORT or MUSTER_ADDRESS.";
  if (any("ECONNREFUSED")) {
    return {
      message: `nothing listens at ${address}`,
      hints: ["Start a server there with: muster serve", whichServer, "To find why it does not start: muster doctor"],
    };
  }
  if (any("ENOTFOUND", "EAI_AGAIN")) return { message: `the host of ${address} cannot be resolved`, hints: [whichServer] };
  if (any("EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"))
    return { message: `${address} is unreachable`, hints: ["Check the network and firewalls between here and there.", whichServer] };
  if (any("ERR_TLS_CERT_ALTNAME_INVALID"))
    return { message: `the certificate of ${address} is for other names`, hints: ["Pass one of its names with --address."] };
  if (any("CERT_HAS_EXPIRED"))
    return { message: `the certificate of ${address} has expired`, hints: ["The server needs a new one: MUSTER_TLS_CERT and MUSTER_TLS_KEY."] };
  if (codes.some((code) => /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|CERT_UNTRUSTED/.test(code))) {
    return {
      message: `the certificate of ${address} is not signed by a trusted authority`,
      hints: ["Pass the authority's file with --tls-ca FILE or MUSTER_CLIENT_CA."],
    };
  }
  if (codes.some((code) => /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA)|CERTIFICATE_REQUIRED/.test(code))) {
    return { message: `${address} requires a client certificate, or another one`, hints: ["Pass one with --tls-cert FILE and --tls-key FILE."] };
  }
  if (tls && any("EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG")) {
    return withoutTls(address);
  }
  if (error.code === Code.DeadlineExceeded)
    return { message: `${address} gave no answer in time`, hints: ["Allow more time with --timeout, or check the server: muster doctor"] };
  return undefined;
}

async function probed({ address, tls }: Target): Promise<Cause | undefined> {
  const answer = await plainAnswer(address);
  if (tls) {
    if (answer?.isOk) return withoutTls(address);
    const hints = ["A server with MUSTER_TLS_CLIENT_CA may require a client certificate: --tls-cert FILE and --tls-key FILE."];
    return { message: `${address} ended the connection`, hints };
  }
  if (answer === undefined) {
    return { message: `${address} accepts connections and closes them`, hints: ["It may use TLS (try --tls), or not be a Muster."] };
  }
  if (answer.wantsTls) {
    return { message: `${address} accepts only TLS`, hints: ["Add --tls, and --tls-ca FILE unless its certificate is from a public authority."] };
  }
  if (answer.isOk) return undefined;
  return { message: `the server at ${address} is not a Muster`, hints: ["Select another server with --address HOST:PORT or MUSTER_ADDRESS."] };
}

function withoutTls(address: string): Cause {
  return { message: `${address} does not use TLS`, hints: ["Leave out --tls and the other TLS options, or use http:// in the address."] };
}

/** The answer of a Muster's port to HTTP/1.1 without TLS; undefined when there is none. */
async function plainAnswer(address: string): Promise<{ readonly isOk: boolean; readonly wantsTls: boolean } | undefined> {
  try {
    const answer = await fetch(`http://${address}/healthz/live`, { signal: AbortSignal.timeout(probeMs), redirect: "manual" });
    const text = await answer.text();
    return { isOk: answer.ok, wantsTls: answer.status === 400 && text.includes("TLS") };
  } catch {
    return undefined;
  }
}
