/** Amazon SNS over TLS on loopback, at the address that its name has here, and what it sends through the route of inbound decisions. */
import { createSnsHttp } from "../../src/adapters/sns-http/client.ts";
import type { Source } from "../../src/inbound/types.ts";
import { inboundRoutes } from "../../src/rpc/inbound/routes.ts";
import type { RouteRequest } from "../../src/rpc/transport/http-route.ts";
import { selfSigned } from "./certificate.ts";
import { openInboundScene, source as signedSource } from "./inbound-scene.ts";
import { host, makeSnsKey, notification, startSns, topic, type SnsFields } from "./sns.ts";

export const source: Source = { ...signedSource, name: "topic", topics: [topic] };

/** Two keys of SNS, whose certificates it serves, and one of somebody else, or of an emulator. */
export const [key, next, stranger] = await Promise.all([makeSnsKey(), makeSnsKey(), makeSnsKey()]);
const tls = await selfSigned(host);

/** With a second source, whose SNS is emulated, and one that votes as both and signs nothing. Of its clock the certificates are valid. */
export async function openSnsScene(startAt = Date.now() + 60_000) {
  await using stack = new AsyncDisposableStack();
  const sns = stack.use(await startSns([key, next], { tls }));
  const emulated = stack.use(await startSns([stranger]));
  const resolved: string[] = [];
  const askSns = createSnsHttp({
    resolveHost: async (name) => {
      resolved.push(name);
      return { address: "127.0.0.1" };
    },
    port: sns.port,
    tls: { ca: tls.cert },
  });
  const sources = [source, signedSource, { ...source, name: "emulated", emulator: emulated.emulator }];
  const scene = stack.use(await openInboundScene({ sources, askSns, startAt }));
  const [, route] = inboundRoutes({ deps: scene.inbound.deps, clock: scene.clock, store: scene.store, isLoopback: () => true });
  const post = async (to: string, body: string, headers: Readonly<Record<string, string>> = {}) => {
    const request = { params: { source: to }, headers, body: Buffer.from(body), peer: "127.0.0.1" } as unknown as RouteRequest;
    const { status, body: text } = await route!.handle(request);
    return { status, said: JSON.parse(text.toString()) as Readonly<Record<string, string>> };
  };
  const disposal = stack.move();
  return {
    ...scene,
    sns,
    emulated,
    resolved,
    now: () => scene.clock.now(),
    /** Delivers it as SNS does. */
    send: (fields: SnsFields, headers: Readonly<Record<string, string>> = { "x-amz-sns-message-type": fields["Type"] ?? "" }, to = source.name) =>
      post(to, JSON.stringify(fields), headers),
    post,
    /** A message with an event about `market`. */
    about: (market: string, id: string, more: SnsFields = {}, by = key) =>
      notification(by, { at: scene.clock.now(), message: scene.bodyOf({ id, market, digest: "d1" }), more }),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}
