/**
 * The HTTP routes by which outside systems decide. The body is verified as it came, before it is read. 2xx: it was taken, and need not
 * be sent again; 4xx: sent again as it is, it is refused again; 5xx: it was not taken, and may be sent again.
 */
import type { Clock, Pingable } from "../../kernel/ports.ts";
import { signatureViolation, type SignatureViolation } from "../../kernel/signed-body.ts";
import type { InboundDeps } from "../../inbound/deps.ts";
import type { DeliveryRefusal } from "../../inbound/metrics.ts";
import { readEvent } from "../../inbound/read-event.ts";
import { receive, type Received } from "../../inbound/receive.ts";
import { takeSns } from "../../inbound/sns.ts";
import type { Source } from "../../inbound/types.ts";
import { jsonAnswer, publicGet, type HttpAnswer, type HttpRoute, type RouteRequest } from "../transport/http-route.ts";

const maxBody = 262_144;
const path = "/api/v1/webhooks";

export interface InboundRouteOptions {
  readonly deps: InboundDeps;
  readonly clock: Pick<Clock, "now">;
  readonly store: Pingable;
  readonly isLoopback: (address: string) => boolean;
}

export function inboundRoutes(options: InboundRouteOptions): readonly HttpRoute[] {
  const health = async ({ signal }: RouteRequest): Promise<HttpAnswer> => {
    try {
      await options.store.ping(signal);
      return jsonAnswer(200, { status: "ok" });
    } catch {
      return jsonAnswer(503, { status: "error" });
    }
  };
  const take = (request: RouteRequest): Promise<HttpAnswer> | HttpAnswer => {
    const source = options.deps.sources().find(({ name }) => name === request.params["source"]);
    if (!source) return jsonAnswer(404, { error: "unknown_source", message: "there is no source of this name" });
    return delivered(options, source, request);
  };
  return [publicGet(`${path}/health`, health), { method: "POST", path: `${path}/{source}`, access: "public", limits: { bodyBytes: maxBody }, handle: take }];
}

async function delivered(options: InboundRouteOptions, source: Source, request: RouteRequest): Promise<HttpAnswer> {
  const { deps } = options;
  const refused: Refuse = (status, error, message) => {
    deps.meter.refused(source.name, error);
    deps.log("warn", "inbound.refused", { source: source.name, code: error, message });
    return jsonAnswer(status, { error, message });
  };
  const proven = source.topics.length > 0 ? await bySns(options, source, request, refused) : bySignature(options, source, request, refused);
  if ("status" in proven) return proven;
  const read = readEvent(source, proven.text);
  if ("refusal" in read) return refused(400, read.refusal, read.message);
  return answerOf(read.event.id, await receive(deps, source, read.event));
}

type Refuse = (status: number, error: DeliveryRefusal, message: string) => HttpAnswer;
/** The text of an event of which it is known who sent it, or what is answered without one. */
type Proven = { readonly text: string } | HttpAnswer;

function bySignature({ clock, isLoopback }: InboundRouteOptions, source: Source, { headers, body, peer }: RouteRequest, refused: Refuse): Proven {
  if (source.isUnsigned) {
    if (peer === undefined || !isLoopback(peer)) return refused(401, "invalid_signature", "this source is not signed, so that it is heard from loopback alone");
  } else {
    const violation = signatureViolation((name) => textOf(headers[name]), body, source.secrets, clock.now());
    if (violation !== undefined) return refused(401, "invalid_signature", signatureTexts[violation]);
  }
  const text = utf8(body);
  return text === undefined ? refused(400, "invalid_webhook_payload", notUtf8) : { text };
}

async function bySns({ deps, clock }: InboundRouteOptions, source: Source, { headers, body }: RouteRequest, refused: Refuse): Promise<Proven> {
  const text = utf8(body);
  if (text === undefined) return refused(400, "invalid_sns_message", notUtf8);
  const taken = await takeSns(deps, source, { body: text, header: (name) => textOf(headers[name]), nowMs: clock.now() });
  if ("code" in taken) return refused(taken.code === "untrusted_sns_message" ? 403 : 400, taken.code, taken.why);
  return taken.is === "event" ? { text: taken.body } : jsonAnswer(200, { received: true, messageId: taken.messageId, status: taken.is });
}

const notUtf8 = "the body is not UTF-8, or it is compressed";

const signatureTexts: Readonly<Record<SignatureViolation, string>> = {
  unsigned: "a signature is needed: X-Approval-Signature (sha256= and hex) with X-Approval-Timestamp (Unix seconds), or the three headers of Standard Webhooks",
  differs: "the signature is not that of this body by a secret of this source",
  "out of time": "the timestamp, in Unix seconds, is more than five minutes from the clock of this server",
};

function answerOf(eventId: string, { end, already }: Received): HttpAnswer {
  const { status, reason, detail } = end;
  if (already) return jsonAnswer(200, { received: true, eventId, status: "already_processed" });
  if (status === "SUCCEEDED") return jsonAnswer(200, { received: true, eventId, status: "processed" });
  if (status === "SKIPPED") return jsonAnswer(200, { received: true, eventId, status: "skipped", reason, message: detail });
  return jsonAnswer(202, { received: true, eventId, status: "failed", reason, message: `${detail}; it is kept here and tried again` });
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function utf8(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}
