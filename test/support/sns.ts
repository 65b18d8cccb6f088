/** Amazon SNS in a test's hand: messages, the keys that sign them, and a server of certificates and confirmations on loopback. */
import { sign } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { rsaSigned } from "./certificate.ts";

export const topic = "arn:aws:sns:eu-west-1:123456789012:decisions";
export const host = "sns.eu-west-1.amazonaws.com";

export interface SnsKey {
  readonly url: string;
  /** Its certificate, PEM. */
  readonly cert: string;
  signature(text: string, version: string): string;
}

/** A key of SNS, whose certificate is at a URL of its own, valid from now on for two days. */
export async function makeSnsKey(): Promise<SnsKey> {
  const { cert, key } = await rsaSigned("sns.amazonaws.com");
  const name = crypto.randomUUID().replaceAll("-", "");
  return {
    url: `https://${host}/SimpleNotificationService-${name}.pem`,
    cert: cert.toString(),
    signature: (text, version) => sign(version === "1" ? "RSA-SHA1" : "RSA-SHA256", Buffer.from(text), key).toString("base64"),
  };
}

export type SnsFields = Readonly<Record<string, string>>;

export interface SnsInput {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly message?: string;
  /** More fields, or others, all signed. */
  readonly more?: SnsFields;
}

/** What SNS sends to those who subscribed. */
export function notification(key: SnsKey, { at, message = "{}", more = {} }: SnsInput): SnsFields {
  return signed(key, { ...common(key, "Notification", at), Message: message, ...more });
}

/** What SNS sends to an address that somebody subscribes, or that was unsubscribed. */
export function confirmation(
  key: SnsKey,
  { at, more = {} }: SnsInput,
  type: "SubscriptionConfirmation" | "UnsubscribeConfirmation" = "SubscriptionConfirmation",
): SnsFields {
  const Token = "2336412f37";
  const SubscribeURL = `https://${host}/?Action=ConfirmSubscription&TopicArn=${topic}&Token=${Token}`;
  return signed(key, { ...common(key, type, at), Message: "You have chosen to subscribe.", Token, SubscribeURL, ...more });
}

function common({ url }: SnsKey, Type: string, at: number): SnsFields {
  const Timestamp = new Date(at).toISOString();
  return { Type, MessageId: crypto.randomUUID(), TopicArn: topic, Timestamp, SignatureVersion: "2", SigningCertURL: url };
}

/** The same message with a signature over what it has now. */
export function signed(key: SnsKey, fields: SnsFields): SnsFields {
  return { ...fields, Signature: key.signature(stringToSign(fields), fields["SignatureVersion"] ?? "") };
}

/** As the developer guide of SNS has it. */
export function stringToSign(fields: SnsFields): string {
  const names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  return names
    .filter((name) => name in fields)
    .map((name) => `${name}\n${fields[name]}\n`)
    .join("");
}

export interface SnsServer extends AsyncDisposable {
  readonly port: number;
  /** As a source names it. */
  readonly emulator: string;
  /** `GET /path host`, in the order in which they came. */
  readonly asked: readonly string[];
  /** How many connections were made to it. */
  connections(): number;
  /** Answers everything, where it is set. */
  answer: ((response: ServerResponse) => void) | undefined;
}

/** Serves the certificates of these keys, and confirms everything. */
export async function startSns(keys: readonly SnsKey[], { port = 0, tls }: { readonly port?: number; readonly tls?: ServerOptions } = {}): Promise<SnsServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = tls ? createHttpsServer(tls) : createHttpServer();
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
  });
  server.on("request", ({ method, url = "", headers }, response: ServerResponse) => {
    asked.push(`${method} ${url} ${headers.host}`);
    if (self.answer) return self.answer(response);
    const key = keys.find((one) => one.url.endsWith(url));
    if (key) return void response.end(key.cert);
    if (url.startsWith("/?Action=ConfirmSubscription&")) return void response.end("<ConfirmSubscriptionResponse/>");
    response.writeHead(404).end();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const at = (server.address() as AddressInfo).port;
  const self: SnsServer = {
    port: at,
    emulator: `http://127.0.0.1:${at}`,
    asked,
    connections: () => connections,
    answer: undefined,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return self;
}
