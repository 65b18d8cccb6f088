/** Very many idle watches from a separate process, on raw HTTP/2. Called by `items/idle-watchers.ts`. */
import http2 from "node:http2";
import { PlatformRegistrationService } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { grpcHeaders, pathOf } from "./plain-calls.ts";
import { answerParent } from "./worker.ts";

export type WatchersRequest =
  | { readonly open: number; readonly address: string }
  /** Until every watch has been sent the instance `…-news-<number>-`. */
  | { readonly news: number; readonly timeoutMs: number };

/** How many have received the awaited list, the first or the changed one; and when the last one got it (`Date.now`). */
export interface WatchersReply {
  readonly reached: number;
  readonly lastAt: number;
}

const streamsEach = 100;
const path = pathOf(PlatformRegistrationService.method.watchServices);
/** Longer than a name: what may be cut off at the end of a piece. */
const overlap = 64;
let watches: { tail: string; news: number; at: number }[] = [];

answerParent(async (request: WatchersRequest): Promise<WatchersReply> => {
  if ("open" in request) {
    open(request.address, request.open);
    return settled(({ at }) => at > 0, 60_000);
  }
  return settled(({ news }) => news >= request.news, request.timeoutMs);
});

function open(address: string, count: number): void {
  watches = Array.from({ length: count }, () => ({ tail: "", news: -1, at: 0 }));
  for (let from = 0; from < count; from += streamsEach) {
    const session = http2.connect(`http://${address}`);
    session.on("error", () => undefined);
    session.once("remoteSettings", () => {
      for (const watch of watches.slice(from, from + streamsEach)) {
        const stream = session.request(grpcHeaders(path));
        stream.on("data", (chunk: Buffer) => {
          const text = watch.tail + chunk.toString("latin1");
          const news = Math.max(watch.news, ...[...text.matchAll(/-news-(\d+)-/g)].map(([, number]) => Number(number)));
          if (watch.at === 0 || news > watch.news) watch.at = Date.now();
          Object.assign(watch, { news, tail: text.slice(-overlap) });
        });
        stream.on("error", () => undefined);
        stream.end(Buffer.alloc(5));
      }
    });
  }
}

async function settled(isThere: (watch: (typeof watches)[number]) => boolean, timeoutMs: number): Promise<WatchersReply> {
  const end = Date.now() + timeoutMs;
  let reached = 0;
  do {
    await new Promise((resolve) => setTimeout(resolve, 10));
    reached = watches.filter(isThere).length;
  } while (reached < watches.length && Date.now() < end);
  return { reached, lastAt: Math.max(...watches.map(({ at }) => at)) };
}
