import { batched } from "../../kernel/batched.ts";
import { publicGet, type HttpRoute } from "../transport/http-route.ts";

/**
 * The metrics page; with `httpRoot` also under `<root>/q/metrics`. All who ask while one is made share the next: a page takes some
 * ten milliseconds and hundreds of kilobytes, and anybody may ask.
 */
export function metricsRoutes(render: () => Promise<{ readonly contentType: string; readonly body: string }>, httpRoot?: string): readonly HttpRoute[] {
  const paths = httpRoot === undefined ? ["/metrics"] : ["/metrics", `${httpRoot}/q/metrics`];
  const page = batched(async (keys: readonly "page"[]) => {
    const { contentType, body } = await render();
    const answer = { status: 200, contentType, body: Buffer.from(body) };
    return new Map(keys.map((key) => [key, answer] as const));
  }, 1);
  return paths.map((path) => publicGet(path, async () => (await page("page"))!));
}
